import { tmpdir } from 'node:os';

/** Where the fake engine remembers what it has done: QWEN_EDIT_FAKE_DIR, else the system's folder for temporary files. */
export const marksFolder: string = process.env.QWEN_EDIT_FAKE_DIR ?? tmpdir();
/** More words about loading, beside those in the name of the model folder. */
export const loadScript: string = process.env.QWEN_EDIT_FAKE_LOAD ?? '';
