import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type KernelLock, takeKernelLock } from './kernel-lock.ts';
import { makeDataDir, unusable } from './places.ts';
import { processStart } from './process-info.ts';

const formerSchema = z.object({ host: z.string(), pid: z.int().positive() });

const infoSchema = z.looseObject({
  pid: z.int().positive(),
  /** The name of its machine or container, as in its workers' rows. */
  host: z.string().optional(),
  /** Tells the holder from a later process with the same id. */
  process_start: z.string(),
  started_at: z.iso.datetime(),
  /** Where its API answers; absent until it does. */
  url: z.string().optional(),
  /** Lets a process that may read the file use the API. */
  token: z.string().optional(),
  /** Holders that ended without releasing the folder, and whose work nobody has taken over yet. */
  former: z.array(formerSchema).optional(),
});

/** What the holder of a data folder writes about itself into `lock.json`. Other keys are kept as they are. */
export type DataDirInfo = z.infer<typeof infoSchema>;

/** The lock of a data folder, held by this process. */
export interface DataDirLock {
  readonly info: DataDirInfo;
  /**
   * Earlier holders that were killed: that we hold the lock proves it. They are kept in `lock.json`, over any number of further
   * deaths, until `update({ former: [] })` says that their work was taken over.
   */
  readonly former: readonly z.infer<typeof formerSchema>[];
  /** Adds to `lock.json` or replaces keys of it. A reader sees the old or the new text, never a part. */
  update(patch: Partial<Pick<DataDirInfo, 'url' | 'token' | 'former'>> & Record<string, unknown>): Promise<void>;
  /** Releases the folder. Calling it again does nothing. */
  release(): Promise<void>;
}

/** How long a holder may take from taking the lock to writing who it is. */
const INTRODUCTION_MS = 1000;

/**
 * Takes a data folder for this process, and makes the folder if it is missing. Of any number of processes that try, one gets it; the
 * others get AppError `data_dir_locked`, which names the holder's pid and address. If the holder is killed, the lock is free. It is a
 * lock of the kernel on the file `lock`; `lock.json` (0600) only tells who holds it.
 */
export async function acquireDataDirLock(path: string, extra: Record<string, unknown> = {}): Promise<DataDirLock> {
  const dataDir = await makeDataDir(path);
  const lock = await takeKernelLock(join(dataDir, 'lock')).catch((cause: unknown) => {
    throw unusable(dataDir, cause);
  });
  if (lock === undefined) throw await lockedBy(dataDir);
  try {
    return await introduce(dataDir, lock, extra);
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** What the live holder of a data folder has written about itself; undefined if nobody holds it. */
export async function readDataDirLock(path: string): Promise<DataDirInfo | undefined> {
  const info = await readInfo(path);
  if (info === undefined) return undefined;
  return (await processStart(info.pid)) === info.process_start ? info : undefined;
}

async function readInfo(path: string): Promise<DataDirInfo | undefined> {
  const text = await readFile(join(path, 'lock.json'), 'utf8').catch(() => '');
  return infoSchema.safeParse(parseJson(text)).data;
}

async function introduce(dataDir: string, lock: KernelLock, extra: Record<string, unknown>): Promise<DataDirLock> {
  const path = join(dataDir, 'lock.json');
  const former = formerHolders(await readInfo(dataDir));
  let info: DataDirInfo = {
    ...extra,
    pid: process.pid,
    host: hostname(),
    former,
    process_start: (await processStart(process.pid)) ?? '',
    started_at: new Date().toISOString(),
  };
  let released = false;
  const write = async (): Promise<void> => {
    if (released) return;
    const fresh = `${path}.new`;
    await writeFile(fresh, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600 });
    await rename(fresh, path);
  };
  let last = write();
  await last;
  return {
    get info() {
      return info;
    },
    former,
    update(patch) {
      info = { ...info, ...patch };
      // Writes go one after the other, because they share the temporary file.
      last = last.then(write, write);
      return last;
    },
    async release() {
      if (released) return;
      released = true;
      await last.catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      lock.release();
    },
  };
}

/** `lock.json` is there only if its holder did not release the folder. */
function formerHolders(left: DataDirInfo | undefined): z.infer<typeof formerSchema>[] {
  if (left === undefined) return [];
  return [...(left.former ?? []), { host: left.host ?? hostname(), pid: left.pid }];
}

async function lockedBy(dataDir: string): Promise<AppError> {
  const until = performance.now() + INTRODUCTION_MS;
  let holder = await readDataDirLock(dataDir);
  while (holder === undefined && performance.now() < until) {
    await delay(25);
    holder = await readDataDirLock(dataDir);
  }
  // Somebody holds the lock, so what the file says is probably theirs, even if we cannot see the process.
  const claimed = holder ?? (await readInfo(dataDir));
  const who = claimed === undefined ? 'another process' : `process ${claimed.pid}`;
  const where = holder === undefined ? ', perhaps in another container' : '';
  const at = claimed?.url === undefined ? '' : ` at ${claimed.url}`;
  return new AppError('data_dir_locked', `The data folder ${dataDir} is in use by ${who}${at}${where}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
