import { timeLimit } from '@qwen-edit/async';
import { AppError, toAppError } from '@qwen-edit/contract';
import {
  countJobs,
  type Database,
  type FinishedEditRow,
  type JobCounts,
  listWorkers,
  readFinishedEdits,
  readNextStart,
  readQueueWait,
  requireMigrated,
  type WorkerRow,
} from '@qwen-edit/db';
import type { ObjectStore } from '@qwen-edit/storage';
import type { ApiLimits } from './deps.ts';

export type LiveWorker = WorkerRow & { readonly uptimeSeconds: number };

/**
 * The state of the service. Each value is read by one query at a time, which may take a short time only, and kept for a
 * moment.
 */
export interface ServiceStatus {
  /** Workers that report. Undefined if the database does not answer. */
  workers(): Promise<readonly LiveWorker[] | undefined>;
  /** Jobs by status. Undefined if the database does not answer. */
  counts(): Promise<JobCounts | undefined>;
  /** Estimated seconds until the next waiting job may start. Undefined if there is nothing to estimate from. */
  nextStart(): Promise<number | undefined>;
  /** Jobs that wait, and the seconds until one that is submitted now is begun. Undefined if the database does not answer. */
  queueWait(): Promise<Awaited<ReturnType<typeof readQueueWait>> | undefined>;
  /** The last edits that succeeded. Undefined if the database does not answer. */
  finishedEdits(): Promise<readonly FinishedEditRow[] | undefined>;
  /** The error that keeps the service from working. Undefined if it works. */
  obstacle(): Promise<AppError | undefined>;
}

export interface ServiceStatusDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly limits: Pick<ApiLimits, 'workerFreshMs' | 'statusCachedMs' | 'statusTimeoutMs'>;
  /** A service that is being stopped takes no more work. */
  readonly draining: AbortSignal;
}

/** Of all models together; of one model, the newest of these. */
const FINISHED_EDITS = 300;

export function createServiceStatus({ database, store, limits, draining }: ServiceStatusDeps): ServiceStatus {
  const { statusCachedMs, statusTimeoutMs } = limits;

  /** One value, read and kept as the interface promises. Undefined if reading fails. */
  function known<T>(ask: () => Promise<T>): () => Promise<T | undefined> {
    return shared(statusCachedMs, () => inTime(ask, statusTimeoutMs).catch(() => undefined));
  }

  async function findObstacle(): Promise<AppError | undefined> {
    try {
      await database.check();
      await requireMigrated(database);
    } catch (thrown) {
      return toAppError(thrown);
    }
    return store.check().then(() => undefined, toAppError);
  }

  const knownObstacle = shared(statusCachedMs, () => inTime(findObstacle, statusTimeoutMs).catch(toAppError));

  return {
    workers: known<readonly LiveWorker[]>(() => listWorkers(database.db, limits.workerFreshMs)),
    counts: known(() => countJobs(database.db)),
    nextStart: known(() => readNextStart(database.db)),
    queueWait: known(() => readQueueWait(database.db)),
    finishedEdits: known(() => readFinishedEdits(database.db, FINISHED_EDITS)),
    async obstacle() {
      if (draining.aborted) return new AppError('not_ready', 'The service is being stopped.');
      return knownObstacle();
    },
  };
}

/** Shares one answer among all calls that come while it is read or within `ms` after it. */
function shared<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = Number.POSITIVE_INFINITY;
  return () => {
    if (answer === undefined || performance.now() >= until) {
      until = Number.POSITIVE_INFINITY;
      answer = ask().finally(() => {
        until = performance.now() + ms;
      });
    }
    return answer;
  };
}

function inTime<T>(work: () => Promise<T>, ms: number): Promise<T> {
  return timeLimit(work, { ms, late: () => new AppError('not_ready', 'The service waits for its parts.') });
}
