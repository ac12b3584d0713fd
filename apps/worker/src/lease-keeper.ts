import { repeat, timeLimit } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { type Database, heartbeat, type Lease, readLeaseState } from '@qwen-edit/db';
import type { JobMessage, JobQueue } from '@qwen-edit/queue';
import type { Logger } from '@qwen-edit/telemetry';
import type { WorkerOptions } from './deps.ts';

/**
 * Why an edit ends before it is done. `cancel`: somebody asked for it. `lost`: another worker has the lease, or may have it.
 * `stop`: this worker ends.
 */
export type StopReason = 'cancel' | 'lost' | 'stop';

/** Keeps the lease of a running job, and says when its work must end. */
export interface LeaseKeeper {
  /** undefined while the work may go on. */
  readonly stopReason: StopReason | undefined;
  /** True if the lease ran out because the database did not answer; false if it says that the lease is another's. */
  readonly ranOut: boolean;
  /** Aborts when there is a reason to stop: the engine and all transfers must end. */
  readonly workSignal: AbortSignal;
  /** Aborts when the lease may have passed on, or when the time to give the job back is over: nothing more may be written. */
  readonly writeSignal: AbortSignal;
  /** A result is being committed: from now on only the end of the worker's time ends the work. The lease is still kept. */
  beginCommit(): void;
  stop(): void;
}

export interface LeaseKeeperDeps {
  readonly database: Database;
  readonly queue: Pick<JobQueue, 'extend'>;
  readonly log: Logger;
  readonly options: Pick<
    WorkerOptions,
    'leaseMs' | 'heartbeatMs' | 'cancelPollMs' | 'graceMs' | 'releaseMs' | 'answerMs'
  >;
  readonly lease: Lease;
  readonly message: JobMessage;
  /** performance.now() from before the claim. */
  readonly leasedAt: number;
  /** Aborts when the worker is told to stop. */
  readonly stopping: AbortSignal;
}

/** A failed heartbeat is repeated after this part of the usual interval, so that a short outage does not cost the lease. */
const RETRY_PART = 1 / 4;

/**
 * Extends lease and message of a running job, and watches for reasons to end it. The lease counts from before the statement
 * that took or extended it, by this process's monotonic clock. So the worker gives it up no later than the database gives it
 * to another, whatever the clocks of the machines say and however long the database is away.
 */
export function startLeaseKeeper(deps: LeaseKeeperDeps): LeaseKeeper {
  const { database, queue, options, log, lease, message, stopping } = deps;
  const work = new AbortController();
  const write = new AbortController();
  const stopped = new AbortController();
  const ended = AbortSignal.any([stopped.signal, write.signal]);
  let stopReason: StopReason | undefined;
  let ranOut = false;
  let committing = false;
  let leaseTimer: NodeJS.Timeout | undefined;
  let graceTimer: NodeJS.Timeout | undefined;

  const stopWork = (reason: StopReason): void => {
    if (ended.aborted || committing) return;
    if (stopReason === undefined) log.info({ job_id: lease.jobId, reason }, 'the work on a job is ended');
    stopReason ??= reason;
    work.abort();
    if (reason === 'lost') write.abort();
  };
  const leaseCountsFrom = (at: number): void => {
    clearTimeout(leaseTimer);
    const runOut = (): void => {
      ranOut = stopReason === undefined && !committing;
      stopWork('lost');
    };
    leaseTimer = setTimeout(runOut, Math.max(0, at + options.leaseMs - performance.now()));
  };

  const sendHeartbeat = async (): Promise<void> => {
    const sentAt = performance.now();
    const limits = { ms: options.heartbeatMs, signal: ended, late: 'database_unavailable' } as const;
    const [held] = await Promise.all([
      timeLimit(() => heartbeat(database.db, lease, options.leaseMs), limits),
      extendMessage(),
    ]);
    if (ended.aborted) return;
    if (held) leaseCountsFrom(sentAt);
    else stopWork('lost');
  };
  /** If this fails, the message is delivered again while its job is leased. That is no reason to end the work. */
  const extendMessage = (): Promise<void> =>
    timeLimit(() => queue.extend(message, options.leaseMs), {
      ms: options.heartbeatMs,
      signal: ended,
      late: 'queue_unavailable',
    }).catch((thrown: unknown) => {
      if (!ended.aborted) {
        log.warn({ job_id: lease.jobId, code: toAppError(thrown).code }, 'a message could not be extended');
      }
    });
  const checkLease = async (): Promise<void> => {
    const limits = { ms: options.answerMs, signal: ended, late: 'database_unavailable' } as const;
    const state = await timeLimit(() => readLeaseState(database.db, lease), limits);
    if (state !== 'continue') stopWork(state);
  };

  const every = (ms: number, retryMs: number, what: string, act: () => Promise<void>): Promise<void> =>
    repeat(
      async () => {
        await act();
        return ms;
      },
      {
        signal: ended,
        firstAfterMs: ms,
        backoff: () => retryMs,
        onFailure(thrown, failures) {
          const { code } = toAppError(thrown);
          if (failures === 1) log.warn({ job_id: lease.jobId, code }, `${what} failed, trying again`);
        },
      },
    );

  const onStopping = (): void => {
    graceTimer = setTimeout(() => {
      stopWork('stop');
      graceTimer = setTimeout(() => write.abort(), options.releaseMs);
    }, options.graceMs);
  };

  leaseCountsFrom(deps.leasedAt);
  if (stopping.aborted) onStopping();
  else stopping.addEventListener('abort', onStopping, { once: true });
  void every(options.heartbeatMs, options.heartbeatMs * RETRY_PART, 'a heartbeat', sendHeartbeat);
  void every(options.cancelPollMs, options.cancelPollMs, 'a check for a cancellation', checkLease);

  return {
    get stopReason() {
      return stopReason;
    },
    get ranOut() {
      return ranOut;
    },
    workSignal: work.signal,
    writeSignal: write.signal,
    beginCommit() {
      committing = true;
    },
    stop() {
      stopped.abort();
      clearTimeout(leaseTimer);
      clearTimeout(graceTimer);
      stopping.removeEventListener('abort', onStopping);
    },
  };
}
