/** The environment of the tests, to hand on to the programs that they start. */
export const environment: NodeJS.ProcessEnv = process.env;

/** In CI, what a test needs has to be there. */
export const inCi: boolean = !['', '0', 'false'].includes(environment.CI ?? '');

/** The real device that the tests of test/webgpu run on, as `webgpu` or `cuda:0`. Without one, what stands for one: test/support/webgpu.ts. */
export const realDevice: string | undefined = environment.QWEN_EDIT_TEST_DEVICE || undefined;
