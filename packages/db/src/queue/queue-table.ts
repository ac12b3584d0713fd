import type { Db } from '../connection/db.ts';
import { nextVisibleMs } from '../jobs/read/next-visible.ts';
import {
  hideQueuedJob,
  showQueuedJob,
  showQueuedJobs,
  type TakenJob,
  type TakenMessage,
  type TakeOptions,
  takeQueuedJobs,
} from '../jobs/transitions/queue-visibility.ts';

/** The jobs table as a queue: what the Postgres driver of packages/queue asks for as its `QueueTable`. */
export interface JobsAsQueue {
  /** Takes visible queued jobs, first in the queue first, and hides them from others for `hideMs`. */
  take(options: TakeOptions): Promise<readonly TakenMessage[]>;
  /** Hides the job for `ms`; undefined: until a transition shows it. */
  hide(taken: TakenJob, ms: number | undefined): Promise<void>;
  /** Shows the job after `delayMs`, and wakes receivers. */
  show(taken: TakenJob, delayMs: number): Promise<void>;
  /** Shows these jobs as soon as they may run, and wakes receivers. */
  send(jobIds: readonly string[]): Promise<void>;
  /** Milliseconds until a queued job becomes visible that one of these workers may claim; undefined if none will. */
  nextVisibleMs(workers?: readonly string[]): Promise<number | undefined>;
}

/**
 * The jobs of this database as a queue, for workers that understand this contract version; undefined: this one.
 *
 * @example createPostgresQueue({ table: createQueueTable(database.db), url, channel: QUEUE_CHANNEL, hideMs: 30_000 })
 */
export function createQueueTable(db: Db, contractVersion?: number): JobsAsQueue {
  return {
    take: (options) => takeQueuedJobs(db, options, contractVersion),
    hide: (taken, ms) => hideQueuedJob(db, taken, ms),
    show: (taken, delayMs) => showQueuedJob(db, taken, delayMs),
    send: (jobIds) => showQueuedJobs(db, jobIds),
    nextVisibleMs: (workers) => nextVisibleMs(db, contractVersion, workers),
  };
}
