import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { discard, exists, syncFolder } from './places.ts';

/** Lies in a data folder from the begin of a restore to its end. */
const MARK = 'restoring';
/** What may lie in a data folder that counts as empty: its lock, and what file systems make by themselves. */
const OF_NOBODY = /^(lock|lock\.json(\.new)?|lost\+found|\.DS_Store)$/;

/** What a restore makes in a data folder. Nothing else is ever removed: a backup may lie there. */
const OF_RESTORE = /^(postgres|postgres\.(lock|log)|postgres\.new-.*|postgres-bin-.*|objects|signing-secret)$/;

/** A data folder in which a backup is restored. */
export interface RestoreMark {
  /** Says that the folder is whole from now on. */
  finish(): Promise<void>;
  /** Makes the folder empty again. */
  clear(): Promise<void>;
}

/**
 * Marks a data folder as one whose restore has begun: nobody starts a service there until the mark is gone, also after a power
 * failure. What a restore has left that was killed is removed. The caller holds the folder's lock. Throws AppError
 * `data_dir_not_empty`, having changed nothing, if there is anything else in the folder.
 */
export async function beginRestoreIn(dataDir: string): Promise<RestoreMark> {
  const mark = join(dataDir, MARK);
  const clear = async (): Promise<void> => {
    const names = (await readdir(dataDir)).filter((name) => OF_RESTORE.test(name));
    await Promise.all(names.map((name) => discard(join(dataDir, name))));
    await syncFolder(dataDir);
  };
  if (await exists(mark)) await clear();
  const [other] = (await contentOf(dataDir)).filter((name) => name !== MARK);
  if (other !== undefined) {
    throw new AppError('data_dir_not_empty', `The data folder ${dataDir} is not empty: it has ${other}.`, {
      hint: 'Name a new folder with --data-dir, or move this one away. A restore never replaces what is there.',
    });
  }
  const file = await open(mark, 'w', 0o600);
  await file.sync().finally(() => file.close());
  await syncFolder(dataDir);
  const remove = async (): Promise<void> => {
    await rm(mark, { force: true });
    await syncFolder(dataDir);
  };
  return {
    finish: remove,
    async clear() {
      await clear();
      await remove();
    },
  };
}

/** Throws AppError `embedded_database_failed` for a data folder whose restore was begun and not ended. */
export async function refuseUnfinishedRestore(dataDir: string): Promise<void> {
  if (!(await exists(join(dataDir, MARK)))) return;
  throw new AppError(
    'embedded_database_failed',
    `The restore into ${dataDir} has not ended, so that nothing can use the folder.`,
    {
      hint: 'Wait for it, or repeat `qwen-edit restore FILE` if it was killed; or remove the folder to start empty.',
    },
  );
}

async function contentOf(dataDir: string): Promise<readonly string[]> {
  return (await readdir(dataDir)).filter((name) => !OF_NOBODY.test(name));
}
