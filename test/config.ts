/** The environment of the tests, to hand on to the programs that they start. */
export const environment: NodeJS.ProcessEnv = process.env;
