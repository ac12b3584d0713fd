import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, type ErrorCode } from '@qwen-edit/contract';
import type { FloatArray } from '../arrays.ts';
import { readEntry, writeEntry } from './entry.ts';
import { isTooOld, removeFile, sweepFolder } from './sweep-folder.ts';

/** Arrays by key. Nothing here rejects: what cannot be kept is computed again. */
export interface EncodingCache {
  /** The array that was put under this key, bit by bit; undefined if it is not there, not whole, or too old. */
  get(key: string): Promise<FloatArray | undefined>;
  put(key: string, value: FloatArray): Promise<void>;
  /** Removes what is too old and what does not fit. `put` does so as often as it has to; only age needs more. */
  sweep(): Promise<void>;
}

export interface EncodingCacheOptions {
  /** Made when it is needed, with all that lies above it; closed to other users of the machine. */
  readonly folder: string;
  /** What its files may take together. 0: nothing is kept, and what is there is removed. */
  readonly maxBytes: number;
  /** An entry is not used later than this after it was written, however often it was; default: no limit. */
  readonly maxAgeMs?: number | undefined;
  /** Hears of each kind of trouble once, as `disk_full`. */
  readonly onTrouble?: ((error: AppError) => void) | undefined;
  /** Milliseconds since 1970; for tests. */
  readonly now?: (() => number) | undefined;
}

/**
 * What one process may write between two sweeps, as a part of the limit. A sweep leaves so much free, so that a full cache is not
 * looked through for each entry; each further process that writes at the same time may exceed the limit by that.
 */
const UNSWEPT = 1 / 16;
const OTHERS = 0o077;
const FULL = ['ENOSPC', 'EDQUOT'];

/**
 * A cache on disk that any number of processes may share: one file for each key, written under another name and renamed. A file that
 * is broken, cut off or not ours counts as absent and is removed.
 */
export function createEncodingCache(options: EncodingCacheOptions): EncodingCache {
  const { folder, maxBytes, maxAgeMs = Number.POSITIVE_INFINITY, now = Date.now } = options;
  const told = new Set<ErrorCode>();
  /** Bytes in the folder as far as this process knows: those of the last sweep, and what it has written since. */
  let known = Number.POSITIVE_INFINITY;
  let unswept = 0;

  const tell = (thrown: unknown): void => {
    const error = troubleOf(folder, thrown);
    if (told.has(error.code)) return;
    told.add(error.code);
    options.onTrouble?.(error);
  };
  const sweepTo = async (bytes: number): Promise<void> => {
    known = await sweepFolder(folder, { maxBytes: bytes, maxAgeMs, now: now() });
    unswept = 0;
  };
  const write = async (key: string, parts: readonly Uint8Array[]): Promise<void> => {
    const path = join(folder, key);
    // By chance, not by process id: containers that share a volume all begin with the same ids.
    const fresh = `${path}.${randomBytes(8).toString('hex')}.tmp`;
    try {
      await writeFile(fresh, parts, { flag: 'wx', mode: 0o600 });
      await rename(fresh, path);
    } catch (thrown) {
      await rm(fresh, { force: true }).catch(() => undefined);
      throw thrown;
    }
  };

  return {
    async get(key) {
      const path = join(folder, key);
      try {
        const facts = await lstat(path);
        const usable =
          facts.isFile() && facts.size <= maxBytes && !isTooOld(facts.mtimeMs, maxAgeMs, now())
            ? readEntry(key, await readFile(path))
            : undefined;
        if (usable === undefined) await removeFile(path);
        // Others may have removed it meanwhile, and a folder that is read-only still serves.
        else await utimes(path, new Date(now()), facts.mtime).catch(() => undefined);
        return usable;
      } catch (thrown) {
        if (codeOf(thrown) !== 'ENOENT') tell(thrown);
        return undefined;
      }
    },
    async put(key, value) {
      const parts = writeEntry(key, value);
      const bytes = parts.reduce((sum, each) => sum + each.length, 0);
      if (bytes > maxBytes) return;
      try {
        await makeFolder(folder);
        if (known + bytes > maxBytes || unswept + bytes > maxBytes * UNSWEPT)
          await sweepTo(Math.max(0, maxBytes * (1 - UNSWEPT) - bytes));
        known += bytes;
        unswept += bytes;
        await write(key, parts);
      } catch (thrown) {
        tell(thrown);
      }
    },
    async sweep() {
      await sweepTo(maxBytes).catch(tell);
    },
  };
}

/** Makes the folder. What it holds was derived from pictures and prompts: nobody else on the machine has to read it. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (process.platform !== 'win32' && ((await stat(folder)).mode & OTHERS) !== 0) await chmod(folder, 0o700);
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
}

function troubleOf(folder: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError(
    FULL.includes(codeOf(cause)) ? 'disk_full' : 'output_unwritable',
    `Encodings cannot be cached in ${folder}, so that they are computed each time: ${reason}`,
    {
      cause,
      hint: 'Free space, or let the user that the engine runs as own, read and write that folder; without a cache edits only take longer.',
    },
  );
}
