import { toAppError } from '@qwen-edit/contract';
import {
  deleteOldJob,
  deleteOldKeys,
  deleteOldSessions,
  deleteSilentReceivers,
  deleteSilentWorkers,
  deleteUnusedAssets,
} from '@qwen-edit/db';
import { deleteObjects } from './delete-objects.ts';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

/** One round deletes at most so many jobs and assets; if there were more, the next round follows at once. */
const BATCH = 500;

/**
 * Deletes what has reached its age: final jobs with their pictures, pictures and uploads that nothing uses, idempotency keys,
 * sessions, and the rows of workers that have not reported for long.
 */
export async function runRetention(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, options } = deps;
  const { db } = database;
  const round = async (): Promise<number> => {
    const jobs = await deleteOldJobs(deps, signal);
    const unused = await deleteUnusedAssets(database, options.unusedMs, BATCH);
    await deleteObjects(deps, unused, signal);
    await deleteOldKeys(db, options.keysMs);
    await deleteOldSessions(db);
    await deleteSilentWorkers(db, options.silentWorkerMs);
    await deleteSilentReceivers(db, options.silentReceiverMs);
    await sweepTemporary(deps, signal);
    return jobs < BATCH && unused.length < BATCH ? options.sweepMs : 0;
  };
  await runLoop(deps, 'retention', round, signal);
}

/** The right to list unfinished uploads is often not given: then the bucket's own lifecycle rule has to delete them. */
async function sweepTemporary({ store, log, options }: DispatcherDeps, signal: AbortSignal): Promise<void> {
  await store.sweepTemporary(options.orphanMs, signal).catch((thrown: unknown) => {
    if (!signal.aborted) log.warn({ code: toAppError(thrown).code }, 'unfinished uploads could not be swept');
  });
}

async function deleteOldJobs(deps: DispatcherDeps, signal: AbortSignal): Promise<number> {
  const { database, log, options } = deps;
  let jobs = 0;
  for (; jobs < BATCH && !signal.aborted; jobs++) {
    const keys = await deleteOldJob(database, options.retentionMs);
    if (keys === undefined) break;
    await deleteObjects(deps, keys, signal);
  }
  if (jobs > 0) log.info({ jobs }, 'old jobs were deleted');
  return jobs;
}
