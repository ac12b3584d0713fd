import { deleteOldJob, deleteOldKeys, deleteSilentWorkers, deleteUnusedAssets } from '@qwen-edit/db';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

/** Jobs and assets that one round deletes at most; the next one follows at once. */
const BATCH = 500;

/** Deletes what has reached its age: final jobs with their pictures, pictures and uploads that nothing uses, keys, workers. */
export async function runRetention(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, store, options } = deps;
  const { db } = database;
  const round = async (): Promise<number> => {
    const jobs = await deleteOldJobs(deps, signal);
    const unused = await deleteUnusedAssets(db, options.unusedMs, BATCH);
    await deleteObjects(deps, unused);
    await deleteOldKeys(db, options.keysMs);
    await deleteSilentWorkers(db, options.silentWorkerMs);
    await store.sweepTemporary(options.orphanMs, signal);
    return jobs < BATCH && unused.length < BATCH ? options.sweepMs : 0;
  };
  await runLoop(deps, 'retention', round, signal);
}

async function deleteOldJobs(deps: DispatcherDeps, signal: AbortSignal): Promise<number> {
  const { database, log, options } = deps;
  let jobs = 0;
  for (; jobs < BATCH && !signal.aborted; jobs++) {
    const keys = await deleteOldJob(database, options.retentionMs);
    if (keys === undefined) break;
    await deleteObjects(deps, keys);
  }
  if (jobs > 0) log.info({ jobs }, 'old jobs were deleted');
  return jobs;
}

/** Their rows are gone: what cannot be deleted now is an orphan, and the sweep of orphans finds it. */
async function deleteObjects({ store, log }: DispatcherDeps, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await store.delete(keys).catch(() => log.warn({ objects: keys.length }, 'objects are left to the sweep of orphans'));
}
