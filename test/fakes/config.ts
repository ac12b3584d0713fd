import { tmpdir } from 'node:os';

/** Where the fake engine remembers what it has done: FAKE_ENGINE_DIR, else the system's folder for temporary files. */
export const marksFolder: string = process.env.FAKE_ENGINE_DIR ?? tmpdir();
/** More words about loading, beside those in the name of the model folder. */
export const loadScript: string = process.env.FAKE_ENGINE_LOAD ?? '';
