import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { System } from './system.ts';

/** A hold of the fake engine: a job stays at a step, however slow the machine is, until the test has seen what it wants to. */
export interface Hold {
  /** For the prompt. The step is 1 if the prompt has no `at:`. */
  readonly words: string;
  /** Lets every job with these words go on, from now on. */
  letGo(): Promise<void>;
}

/**
 * @example
 * const hold = holdIn(system);
 * const { id } = await submitPrompt(system, `steps:4 ${hold.words}`);
 * await untilStep(system, id, 1);
 * await hold.letGo();
 */
export function holdIn({ folder }: Pick<System, 'folder'>): Hold {
  const mark = `go-${randomUUID()}`;
  return { words: `hold:${mark}`, letGo: () => writeFile(join(folder, mark), '') };
}
