import { countDeletions, notNoted, settleDeletions, takeDeletions } from '@qwen-edit/db';
import { type Deletion, tryDelete, withThumbnails } from '@qwen-edit/storage';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

const BATCH = 500;
/** Longer than a store takes for a batch, with all retries. */
const LOCK_MS = 15 * 60_000;

type DeletionDeps = Pick<DispatcherDeps, 'database' | 'store' | 'log' | 'metrics'>;

/**
 * Deletes the objects that were noted when their rows were deleted and that are still there: because the storage refused, or because
 * who deleted the rows died. It shows how many wait.
 */
export async function runDeletions(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, metrics, options } = deps;
  const round = async (): Promise<number> => {
    const keys = await takeDeletions(database.db, BATCH, LOCK_MS);
    await deleteObjects(deps, keys, signal);
    const { waiting, refused } = await countDeletions(database.db);
    metrics.objectDeletions.set({ state: 'refused' }, refused);
    metrics.objectDeletions.set({ state: 'waiting' }, waiting - refused);
    return keys.length < BATCH ? options.reapMs : 0;
  };
  await runLoop(deps, 'deletions', round, signal);
}

/**
 * Deletes objects with their thumbnails. Those that the storage does not delete are kept to be tried again, and said in the log;
 * they keep no other from being deleted. Rejects only if the database cannot be used.
 */
export async function deleteObjects(
  { database, store, log }: DeletionDeps,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Deletion> {
  const outcome = await tryDelete(store, withThumbnails(keys), { signal });
  // When it is time to stop, what is not deleted was not refused. It is noted, or found by the next sweep.
  await settleDeletions(database.db, signal.aborted ? { ...outcome, kept: [] } : outcome);
  const [first] = outcome.kept;
  if (first !== undefined && !signal.aborted) {
    const facts = { objects: outcome.kept.length, key: first.key, reason: first.reason };
    log.warn(facts, 'objects could not be deleted, they are kept to be tried again');
  }
  return outcome;
}

/** Deletes objects that nothing refers to, except those whose deletion is tried again anyway. */
export async function deleteOrphans(
  deps: DeletionDeps,
  orphans: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const keys = await notNoted(deps.database.db, orphans);
  return (await deleteObjects(deps, keys, signal)).deleted.length;
}
