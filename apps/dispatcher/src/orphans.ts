import { unknownKeys } from '@qwen-edit/db';
import { STORED_KINDS, type StoredKind } from '@qwen-edit/storage';
import { deleteOrphans } from './delete-objects.ts';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

const BATCH = 500;

/**
 * Deletes objects that no row names: results of lost attempts, pictures whose request ended before it wrote their row,
 * thumbnails made while their picture was deleted. A young object may be about to get its row and is left alone. So is every
 * object of a kind that is never swept, or of no kind. What the storage does not delete is left to runDeletions.
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
    await deleteWithoutRow(deps, old, { rowKey, signal });
    old = [];
  }
  await deleteWithoutRow(deps, old, { rowKey, signal });
}

async function deleteWithoutRow(
  deps: DispatcherDeps,
  keys: readonly string[],
  { rowKey, signal }: { readonly rowKey: (key: string) => string; readonly signal: AbortSignal },
): Promise<void> {
  if (keys.length === 0) return;
  const unknown = new Set(await unknownKeys(deps.database.db, [...new Set(keys.map(rowKey))]));
  const orphans = keys.filter((key) => unknown.has(rowKey(key)));
  const objects = await deleteOrphans(deps, orphans, signal);
  if (objects > 0) deps.log.info({ objects }, 'objects without a row were deleted');
}
