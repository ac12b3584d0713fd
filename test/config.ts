/** The environment of the tests, to hand on to the programs that they start. */
export const environment: NodeJS.ProcessEnv = process.env;

/** In CI, what a test needs has to be there. */
export const inCi: boolean = !['', '0', 'false'].includes(environment.CI ?? '');
