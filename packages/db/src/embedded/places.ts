import { mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';

/** The paths in the data folder. All are absolute and free of symbolic links. */
export interface Places {
  readonly dataDir: string;
  /** PGDATA. It appears under this name only when it is complete. */
  readonly cluster: string;
  /** The secret that all passwords are derived from. It lies in the cluster, so that both appear and move together. */
  readonly secret: string;
  /** Held by the server and all its processes for as long as one of them lives. */
  readonly serverLock: string;
  readonly log: string;
}

/** How the names of unfinished folders begin. If a start finds one, a process that was killed has left it. */
export const UNFINISHED = 'postgres.new-';

/** Makes the data folder if it is missing, closed to other users. AppError `output_unwritable` if that fails. */
export async function makeDataDir(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return await realpath(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** The error for a data folder that the system does not let us use. */
export function unusable(path: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = 'Check its owner and permissions, or set QWEN_EDIT_DATA_DIR to another folder.';
  return new AppError('output_unwritable', `The data folder ${path} cannot be used: ${reason}`, { cause, hint });
}

/** initdb passes its own path to the shell in double quotes, in which these characters still mean something. */
const READ_BY_SHELL = /["$`\\\n]/;

/** The paths in a data folder. AppError `embedded_database_failed` for one that PostgreSQL's tools would misread. */
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

/** True if there is a file or a folder at the path. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Makes renames in a folder survive a power failure. Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a folder. If somebody still writes to it, it may stay, which does no harm. */
export async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}
