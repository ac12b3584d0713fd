import { ERRORS, toAppError } from '@qwen-edit/contract';
import { addMissingDeadlines, expireJobs, reapLeases, resendQueued } from '@qwen-edit/db';
import type { DispatcherDeps } from './deps.ts';
import { DEADLINE_PASSED, WORKER_LOST } from './job-errors.ts';
import { runLoop } from './loop.ts';

const RESEND_BATCH = 100;
/** In a queue with many messages a job waits this many times longer before its message counts as lost. */
const BACKLOG_FACTOR = 30;
/** After an outage of the database, workers have so many rounds to give back the leases that ran out meanwhile. */
const ROUNDS_FOR_SURVIVORS = 3;
const DEADLINES_BATCH = 1000;

/**
 * Ends what nobody else ends: leases whose worker is lost, jobs whose deadline has passed, and the wait for a message that the
 * queue has lost.
 */
export async function runReaper(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, options } = deps;
  let wasAway = false;
  let reapFrom = 0;
  let deadlinesFrom = 0;
  const round = async (): Promise<number> => {
    if (wasAway) {
      await database.check();
      wasAway = false;
      reapFrom = performance.now() + ROUNDS_FOR_SURVIVORS * options.reapMs;
    }
    if (performance.now() >= reapFrom) while ((await reap(deps)) && !signal.aborted);
    while ((await expire(deps)) && !signal.aborted);
    if (performance.now() >= deadlinesFrom) {
      while ((await addDeadlines(deps)) && !signal.aborted);
      deadlinesFrom = performance.now() + options.sweepMs;
    }
    await resend(deps);
    return options.reapMs;
  };
  const watched = async (): Promise<number> => {
    try {
      return await round();
    } catch (thrown) {
      wasAway ||= ERRORS[toAppError(thrown).code].origin === 'surroundings';
      throw thrown;
    }
  };
  await runLoop(deps, 'reaper', watched, signal);
}

/** Versions before the default deadline accepted jobs without one. Returns true if there may be more of them. */
async function addDeadlines({ database, log, options }: DispatcherDeps): Promise<boolean> {
  const added = await addMissingDeadlines(database.db, options.deadlineMs, DEADLINES_BATCH);
  if (added > 0) log.info({ jobs: added }, 'jobs without a deadline were given one');
  return added === DEADLINES_BATCH;
}

/** Returns true if there may be more expired leases. */
async function reap({ database, queue, log, metrics }: DispatcherDeps): Promise<boolean> {
  const { queued, failed, canceled } = await reapLeases(database.db, WORKER_LOST, { relayed: queue.relayed });
  for (const [outcome, ids] of Object.entries({ retried: queued, failed, canceled })) {
    metrics.outcomes.inc({ outcome, code: WORKER_LOST.code }, ids.length);
    for (const id of ids) log.warn({ job_id: id, outcome }, 'a lease has run out');
  }
  return queued.length + failed.length + canceled.length > 0;
}

async function expire({ database, log, metrics }: DispatcherDeps): Promise<boolean> {
  const expired = await expireJobs(database.db, DEADLINE_PASSED);
  metrics.outcomes.inc({ outcome: 'expired', code: DEADLINE_PASSED.code }, expired.length);
  for (const id of expired) log.info({ job_id: id }, 'a deadline has passed');
  return expired.length > 0;
}

/**
 * A queue outside the database may lose messages. If it is nearly empty and a job still waits, the job's message is lost. If it
 * always has messages, a job that has waited for very long gets a second message, which does no harm.
 */
async function resend({ database, queue, log, options }: DispatcherDeps): Promise<void> {
  if (!queue.relayed) return;
  const depth = await queue.depth();
  const empty = depth !== undefined && depth < options.resendBelow;
  const waitedMs = empty ? options.resendMs : BACKLOG_FACTOR * options.resendMs;
  const resent = await resendQueued(database.db, waitedMs, RESEND_BATCH);
  if (resent > 0) log.warn({ resent }, 'messages of waiting jobs were lost, they are sent again');
}
