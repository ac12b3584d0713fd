import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { isHeld, takeLock } from '@qwen-edit/files';
import { DESCRIPTION_FILE, type Description, LOCK_FILE, MANIFEST, readDescription } from './manifest.ts';
import { preparedRoot } from './place.ts';
import { writeFault } from './write-fault.ts';

/** A folder of prepared weights on this machine. */
export interface StoredPrepared extends Description {
  readonly folder: string;
  readonly bytes: number;
  /** How many segments are there; all of them make it whole. */
  readonly made: number;
  /** True while a process prepares it, or may do so on another machine. */
  readonly preparing: boolean;
}

/** Every folder of prepared weights, whole or not, in the order of their names. */
export async function storedPrepared(weightCacheDir: string): Promise<StoredPrepared[]> {
  const root = preparedRoot(weightCacheDir);
  const names = await readdir(root).catch((): string[] => []);
  const found = await Promise.all(names.sort().map((name) => storedIn(join(root, name))));
  return found.filter((stored) => stored !== undefined);
}

async function storedIn(folder: string): Promise<StoredPrepared | undefined> {
  const description = await readDescription(folder);
  if (description === undefined) return undefined;
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (facts) => (facts.isFile() ? facts.size : 0),
        () => 0,
      ),
    ),
  );
  return {
    ...description,
    folder,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    made: names.filter((name) => name.endsWith(MANIFEST)).length,
    preparing: await isHeld(join(folder, LOCK_FILE)),
  };
}

const TIMING = { beatMs: 3000, deadMs: 20_000 };

/**
 * Removes a folder of prepared weights. A process that has it loaded keeps what it has mapped, and prepares the rest again at its next load.
 * Throws AppError `model_busy` while a process prepares it, `output_unwritable`, and `canceled`.
 */
export async function removePrepared(
  { folder, model, precision }: Pick<StoredPrepared, 'folder' | 'model' | 'precision'>,
  signal: AbortSignal,
): Promise<void> {
  const busy = (): AppError =>
    new AppError('model_busy', `Weights of ${model} are being prepared in ${precision} by another process.`, {
      hint: 'Stop that process, or wait until it is done, and then remove the model.',
    });
  try {
    const lock = await takeLock(join(folder, LOCK_FILE), { timing: TIMING, signal, onWait: () => undefined, busy });
    try {
      // Last of all, so that a removal that was cut short can be run again.
      for (const name of await readdir(folder))
        if (name !== LOCK_FILE && name !== DESCRIPTION_FILE)
          await rm(join(folder, name), { recursive: true, force: true });
      await rm(join(folder, DESCRIPTION_FILE), { force: true });
    } finally {
      await lock.release();
    }
    // Another process may have begun to prepare them again.
    await rmdir(folder).catch(() => undefined);
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    throw writeFault(folder, thrown) ?? thrown;
  }
}
