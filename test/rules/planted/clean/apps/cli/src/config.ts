/** A file named config.ts may read the environment. */
export const home = process.env.HOME;
