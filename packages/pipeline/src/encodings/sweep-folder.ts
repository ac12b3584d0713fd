import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of the cache: entries, whose names are their keys, and entries that are being written. Nothing else is touched. */
const OURS = /^[0-9a-f]{64}(\.[0-9a-f]{16}\.tmp)?$/;
/** Nobody writes an entry for so long: who did is gone. */
const WRITING_MS = 10 * 60_000;

interface SweepLimits {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/**
 * Removes entries that are too old and files that nobody writes any more; then, if the rest takes more than `maxBytes`, the entries
 * that were used longest ago. Returns the bytes that are left. A file that goes away meanwhile is no error: several processes sweep.
 * A file's mtime says when it was written, its atime when it was last used.
 */
export async function sweepFolder(folder: string, limits: SweepLimits): Promise<number> {
  const entries: Entry[] = [];
  let total = 0;
  for (const name of await namesIn(folder)) {
    if (!OURS.test(name)) continue;
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) continue;
    const unfinished = name.endsWith('.tmp');
    if (isTooOld(stats.mtimeMs, unfinished ? WRITING_MS : limits.maxAgeMs, limits.now)) {
      await removeFile(path);
      continue;
    }
    total += stats.size;
    if (!unfinished) entries.push({ path, bytes: stats.size, usedMs: stats.atimeMs });
  }
  for (const { path, bytes } of entries.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= limits.maxBytes) break;
    await removeFile(path);
    total -= bytes;
  }
  return total;
}

/** True also for a time that lies ahead, which a clock that was wrong has left: its age will not be known. */
export function isTooOld(writtenMs: number, maxAgeMs: number, now: number): boolean {
  return Math.abs(now - writtenMs) > maxAgeMs;
}

/** Removes what has the name of an entry, whatever it is. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  }
}
