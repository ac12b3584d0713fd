import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pause } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { errorCode } from './file-fault.ts';

/** In milliseconds. */
export interface LockTiming {
  /** How often the holder of a lock shows that it is alive. */
  readonly beatMs: number;
  /** Without a sign of life for so long, a holder counts as dead. */
  readonly deadMs: number;
}

const holderSchema = z.object({ token: z.string(), pid: z.int().positive(), host: z.string(), processes: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** The locks of this process. */
const HELD = new Set<string>();

export interface FileLock {
  /** Aborts if another process has taken the lock over, because this one was stopped for longer than `deadMs`. */
  readonly lost: AbortSignal;
  /**
   * Called before anything is written: after a pause in which the lock may have been taken over, it looks whether it was. Throws
   * AppError `model_busy` then. `now`: looks in any case.
   */
  confirm(now?: 'now'): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock of a folder; undefined if another process holds it and is alive. A holder shows that by the time of the file,
 * which it sets again and again: process ids mean nothing between containers that share a folder. One that was killed on this machine is
 * known by its process id at once; any other after `deadMs`, by the clock of whoever waits.
 */
async function tryLock(path: string, timing: LockTiming): Promise<FileLock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const mine: Holder = { token: randomUUID(), pid: process.pid, host: hostname(), processes: processSpace() };
  const handle = await open(path, 'wx').catch((thrown: unknown) => {
    if (errorCode(thrown) === 'EEXIST') return undefined;
    throw thrown;
  });
  if (handle === undefined) return undefined;
  await handle.writeFile(JSON.stringify(mine)).finally(() => handle.close());
  HELD.add(mine.token);
  const lost = new AbortController();
  let beatAt = performance.now();
  const timer = setInterval(() => void beat(), timing.beatMs);
  timer.unref();
  return {
    lost: lost.signal,
    async confirm(when) {
      if (when === 'now' || performance.now() - beatAt > timing.deadMs / 2) await beat();
      if (lost.signal.aborted) throw new AppError('model_busy', 'Another process took this work over.');
    },
    async release() {
      clearInterval(timer);
      HELD.delete(mine.token);
      if ((await readHolder(path))?.token === mine.token) await rm(path, { force: true });
    },
  };

  async function beat(): Promise<void> {
    // A file that is gone was another's, who has ended since. One that cannot be read for a moment is still ours.
    const [holder, isThere] = [await readHolder(path), await exists(path)];
    if (holder === undefined ? !isThere : holder.token !== mine.token) lost.abort();
    else await utimes(path, new Date(), new Date()).catch(() => undefined);
    beatAt = performance.now();
  }
}

interface LockWait {
  readonly timing: LockTiming;
  readonly signal: AbortSignal;
  /** Called once if the lock is not free. */
  readonly onWait: () => void;
  /** The error for a holder that is alive. Default: it is waited for. */
  readonly busy?: (() => AppError) | undefined;
}

/** Takes the lock as soon as it is free, or its holder is known to be dead. Throws AppError `canceled` when the signal aborts. */
export async function takeLock(path: string, { timing, signal, onWait, busy }: LockWait): Promise<FileLock> {
  let seen: { readonly mark: string; readonly since: number } | undefined;
  for (let waited = false; ; waited = true) {
    const lock = await tryLock(path, timing);
    if (lock !== undefined) {
      await sweepAside(path, timing);
      return lock;
    }
    if (!waited) onWait();
    const holder = await readHolder(path);
    const beatAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    const mark = `${holder?.token} ${beatAt}`;
    const life = lifeOf(holder);
    const isAlive =
      (life === 'alive' && Date.now() - beatAt < timing.deadMs) || (seen !== undefined && mark !== seen.mark);
    if (busy !== undefined && isAlive) throw busy();
    if (mark !== seen?.mark) seen = { mark, since: performance.now() };
    if (life === 'dead' || performance.now() - seen.since > timing.deadMs) await removeDead(path, holder);
    else await pause(Math.min(500, timing.beatMs), signal);
    if (signal.aborted) throw new AppError('canceled', 'The wait for another process was given up.');
  }
}

/** True if somebody holds the lock who is not known to be dead. */
export async function isHeld(path: string): Promise<boolean> {
  return (await exists(path)) && lifeOf(await readHolder(path)) !== 'dead';
}

/** A lock is moved aside before it is removed: whoever else does so at the same time moves nothing, or finds that it is another's. */
async function removeDead(path: string, dead: Holder | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}.tmp`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  const found = await readHolder(aside);
  if (found?.token === dead?.token) await rm(aside, { force: true });
  // A lock that was taken in this moment: its holder finds it again, or loses it to whoever is faster.
  else await rename(aside, path).catch(() => undefined);
}

/**
 * Removes what killed processes have moved aside. A lock that was moved in the moment in which it was taken stays: its holder is
 * alive, and whoever moved it puts it back.
 */
async function sweepAside(path: string, { deadMs }: LockTiming): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((each) => each.startsWith(`${basename(path)}.`) && each.endsWith('.tmp'))) {
    const aside = join(folder, name);
    const beatAt = (await stat(aside).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (lifeOf(await readHolder(aside)) === 'dead' || Date.now() - beatAt > deadMs) await rm(aside, { force: true });
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What the process id of a holder says, if it means anything here. */
function lifeOf(holder: Holder | undefined): 'alive' | 'dead' | 'unknown' {
  if (holder === undefined || holder.host !== hostname() || holder.processes !== processSpace()) return 'unknown';
  // A container that starts again gives its processes the same ids.
  if (holder.pid === process.pid) return HELD.has(holder.token) ? 'alive' : 'dead';
  try {
    process.kill(holder.pid, 0);
    return 'alive';
  } catch (thrown) {
    return errorCode(thrown) === 'ESRCH' ? 'dead' : 'alive';
  }
}

/** Within which process ids mean the same: the container, on Linux. */
function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return 'machine';
  }
}
