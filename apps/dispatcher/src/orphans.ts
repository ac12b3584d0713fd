import { unknownKeys } from '@qwen-edit/db';
import { STORED_KINDS, type StoredKind } from '@qwen-edit/storage';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

const BATCH = 500;

/**
 * Deletes objects that no row names: results of lost attempts, pictures whose request ended before it wrote their row,
 * thumbnails made while their picture was deleted, and objects that could not be deleted together with their row. A young
 * object may be about to get its row and is left alone. So is every object of a kind that is never swept, or of no kind.
 */
export async function runOrphanSweep(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { storedKinds = Object.values(STORED_KINDS) } = deps;
  const round = async (): Promise<number> => {
    for (const kind of storedKinds) await sweep(deps, kind, signal);
    return deps.options.sweepMs;
  };
  await runLoop(deps, 'orphans', round, signal);
}

async function sweep(deps: DispatcherDeps, kind: StoredKind, signal: AbortSignal): Promise<void> {
  if (kind.sweep.rule === 'never') return;
  const { rowKey } = kind.sweep;
  const { store, options, now = () => new Date() } = deps;
  const before = now().getTime() - options.orphanMs;
  let old: string[] = [];
  for await (const { key, lastModified } of store.list(kind.prefix, { signal })) {
    if (lastModified.getTime() < before && kind.parse(key) !== undefined) old.push(key);
    if (old.length < BATCH) continue;
    await deleteWithoutRow(deps, old, rowKey);
    old = [];
  }
  await deleteWithoutRow(deps, old, rowKey);
}

async function deleteWithoutRow(
  { database, store, log }: Pick<DispatcherDeps, 'database' | 'store' | 'log'>,
  keys: readonly string[],
  rowKey: (key: string) => string,
): Promise<void> {
  if (keys.length === 0) return;
  const unknown = new Set(await unknownKeys(database.db, [...new Set(keys.map(rowKey))]));
  const orphans = keys.filter((key) => unknown.has(rowKey(key)));
  if (orphans.length === 0) return;
  await store.delete(orphans);
  log.info({ objects: orphans.length }, 'objects without a row were deleted');
}
