import { mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';

/** Where things lie in the data folder. All paths are absolute and free of symbolic links. */
export interface Places {
  readonly dataDir: string;
  /** PGDATA. It appears under this name only when it is complete. */
  readonly cluster: string;
  /** Holds the secret all passwords come from; in the cluster, so that the two appear and move together. */
  readonly secret: string;
  /** Held by the server and all its processes for as long as one of them lives. */
  readonly serverLock: string;
  readonly log: string;
}

/** Names of folders in the making. One that is found at a start was left by a process that was killed. */
export const UNFINISHED = 'postgres.new-';

/** Makes the data folder where it is missing, closed to others. AppError `output_unwritable` where that fails. */
export async function makeDataDir(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return await realpath(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** What to say of a data folder that the system does not let us use. */
export function unusable(path: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = 'Check its owner and permissions, or set QWEN_EDIT_DATA_DIR to another folder.';
  return new AppError('output_unwritable', `The data folder ${path} cannot be used: ${reason}`, { cause, hint });
}

/** initdb puts its own path between double quotes for the shell, which still reads these there. */
const READ_BY_SHELL = /["$`\\\n]/;

/** AppError `embedded_database_failed` for a path that PostgreSQL's tools would mistake. */
export async function findPlaces(path: string): Promise<Places> {
  const dataDir = await makeDataDir(path);
  if (process.platform !== 'win32' && READ_BY_SHELL.test(dataDir)) {
    const message = `PostgreSQL cannot be kept in ${dataDir}: its path holds one of " $ \` \\ or a line break.`;
    throw new AppError('embedded_database_failed', message, { hint: 'Set QWEN_EDIT_DATA_DIR to another folder.' });
  }
  const named = join(dataDir, 'postgres');
  const cluster = await realpath(named).catch(() => named);
  return {
    dataDir,
    cluster,
    secret: join(cluster, 'qwen_edit.secret'),
    serverLock: join(dataDir, 'postgres.lock'),
    log: join(dataDir, 'postgres.log'),
  };
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Makes renames in a folder survive a power cut. Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a folder; one that somebody still writes to may stay, which does no harm. */
export async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}
