import { access, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FileLock, takeLock } from '@qwen-edit/files';
import { settledWithin } from './make-missing.ts';

const LOCK = { beatMs: 3000, deadMs: 20_000 };
const LOOK_MS = 200;

/** Makes a folder if it is not there. Resolves with its real path. Rejects with what the file system says. */
export async function realFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true }).catch(async (thrown: unknown) => {
    // On a disk that is mounted read-only, it says that the folder is not there.
    await requireWritable(dirname(folder));
    throw thrown;
  });
  return realpath(folder);
}

/** Rejects with what the file system says if the folder, or the nearest above it that is there, cannot be written. */
async function requireWritable(folder: string): Promise<void> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (isThere || dirname(folder) === folder) await access(folder, constants.W_OK);
  else await requireWritable(dirname(folder));
}

/** Takes the lock as soon as it is free. Rejects with what `pause` throws. */
export async function lockWhilePausing(path: string, pause: () => Promise<void>): Promise<FileLock> {
  const waiting = new AbortController();
  const taking = takeLock(path, { timing: LOCK, signal: waiting.signal, onWait: () => undefined });
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  void taking.then(settle, settle);
  try {
    while (!isSettled) {
      await pause();
      await settledWithin(taking, LOOK_MS);
    }
  } catch (thrown) {
    waiting.abort();
    // It may have become free in this moment.
    await taking.then(
      (lock) => lock.release(),
      () => undefined,
    );
    throw thrown;
  }
  return taking;
}
