import { unknownKeys } from '@qwen-edit/db';
import { pictureKeyOf, THUMBNAILS } from '@qwen-edit/storage';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

/** Where objects lie that have rows, or whose pictures have. Anything else in the storage is not ours. */
const PREFIXES = ['inputs/', 'uploads/', 'outputs/', THUMBNAILS] as const;
const BATCH = 500;

/**
 * Deletes objects that no row points at: results of lost attempts, pictures whose request died before its row, thumbnails
 * that were made while their picture was deleted, what could not be deleted when its row was. A young one may be about to get
 * its row, and is left alone.
 */
export async function runOrphanSweep(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const round = async (): Promise<number> => {
    for (const prefix of PREFIXES) await sweep(deps, prefix, signal);
    return deps.options.sweepMs;
  };
  await runLoop(deps, 'orphans', round, signal);
}

async function sweep(deps: DispatcherDeps, prefix: string, signal: AbortSignal): Promise<void> {
  const { store, options, now = () => new Date() } = deps;
  const before = now().getTime() - options.orphanMs;
  let old: string[] = [];
  for await (const { key, lastModified } of store.list(prefix, { signal })) {
    if (lastModified.getTime() < before) old.push(key);
    if (old.length < BATCH) continue;
    await deleteUnknown(deps, old);
    old = [];
  }
  await deleteUnknown(deps, old);
}

async function deleteUnknown({ database, store, log }: DispatcherDeps, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const unknown = new Set(await unknownKeys(database.db, [...new Set(keys.map(rowKeyOf))]));
  const orphans = keys.filter((key) => unknown.has(rowKeyOf(key)));
  if (orphans.length === 0) return;
  await store.delete(orphans);
  log.info({ objects: orphans.length }, 'objects without a row were deleted');
}

/** A thumbnail has no row of its own: it stays as long as its picture's. */
function rowKeyOf(key: string): string {
  return key.startsWith(THUMBNAILS) ? pictureKeyOf(key) : key;
}
