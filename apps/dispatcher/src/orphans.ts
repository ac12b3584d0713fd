import { unknownKeys } from '@qwen-edit/db';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

/** Where objects lie that have rows. Anything else in the storage is not ours. */
const PREFIXES = ['inputs/', 'uploads/', 'outputs/'] as const;
const BATCH = 500;

/**
 * Deletes objects that no row points at: results of lost attempts, pictures whose request died before its row, what could not
 * be deleted when its row was. A young one may be about to get its row, and is left alone.
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
  const orphans = await unknownKeys(database.db, keys);
  if (orphans.length === 0) return;
  await store.delete(orphans);
  log.info({ objects: orphans.length }, 'objects without a row were deleted');
}
