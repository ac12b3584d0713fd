import { timeLimit } from '@qwen-edit/async';
import { AppError, toAppError } from '@qwen-edit/contract';
import {
  countJobs,
  type Database,
  type JobCounts,
  listWorkers,
  readNextStart,
  requireMigrated,
  type WorkerRow,
} from '@qwen-edit/db';
import type { ObjectStore } from '@qwen-edit/storage';
import type { ApiLimits } from './deps.ts';

export type LiveWorker = WorkerRow & { readonly uptimeSeconds: number };

/** How the service is. Each answer is asked for once at a time, waited for briefly, and kept for a moment. */
export interface ServiceStatus {
  /** undefined where the database doesn't say. */
  workers(): Promise<readonly LiveWorker[] | undefined>;
  /** undefined where the database doesn't say. */
  counts(): Promise<JobCounts | undefined>;
  /** Seconds until the next waiting job may be begun, guessed; undefined where that cannot be. */
  nextStart(): Promise<number | undefined>;
  /** What keeps the service from working; undefined where nothing does. */
  obstacle(): Promise<AppError | undefined>;
}

export interface ServiceStatusDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly limits: Pick<ApiLimits, 'workerFreshMs' | 'statusCachedMs' | 'statusTimeoutMs'>;
  /** A service that is being stopped is not ready for more. */
  readonly stopping: AbortSignal;
}

export function createServiceStatus({ database, store, limits, stopping }: ServiceStatusDeps): ServiceStatus {
  const { statusCachedMs, statusTimeoutMs } = limits;

  /** Asks for one of them. */
  function known<T>(ask: () => Promise<T>): () => Promise<T | undefined> {
    return shared(statusCachedMs, () => inTime(ask, statusTimeoutMs).catch(() => undefined));
  }

  async function findObstacle(): Promise<AppError | undefined> {
    if (stopping.aborted) return new AppError('not_ready', 'The service is being stopped.');
    try {
      await database.check();
      await requireMigrated(database);
    } catch (thrown) {
      return toAppError(thrown);
    }
    return store.check().then(() => undefined, toAppError);
  }

  return {
    workers: known<readonly LiveWorker[]>(() => listWorkers(database.db, limits.workerFreshMs)),
    counts: known(() => countJobs(database.db)),
    nextStart: known(() => readNextStart(database.db)),
    obstacle: shared(statusCachedMs, () => inTime(findObstacle, statusTimeoutMs).catch(toAppError)),
  };
}

/** The same answer for all who ask within `ms` of its arrival, and for all who ask before. */
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
