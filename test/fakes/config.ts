import { tmpdir } from 'node:os';

/** Where the fake engine remembers what it has done: FAKE_ENGINE_DIR, else the system's folder for temporary files. */
export const marksFolder: string = process.env.FAKE_ENGINE_DIR ?? tmpdir();
/** As long as this file is there, the fake engine's self-test drifts. */
export const driftMark: string = process.env.FAKE_ENGINE_DRIFT ?? '';
/** More words about loading, beside those in the name of the model folder. */
export const loadScript: string = process.env.FAKE_ENGINE_LOAD ?? '';
/** A file with facts of the model, as JSON, that the fake engine tells beside its own: presets, LoRAs, a card. */
export const factsFile: string | undefined = process.env.FAKE_ENGINE_FACTS;
