/** Absolute path of the demo checkpoint: the folder of this package. */
export const demoModelDir: string = import.meta.dirname;
