import { toAppError } from '@qwen-edit/contract';
import { heartbeat, type Lease, readLeaseState } from '@qwen-edit/db';
import type { JobMessage } from '@qwen-edit/queue';
import type { WorkerDeps } from './deps.ts';
import { answerWithin, pause } from './pause.ts';

/**
 * Why the work ends before it is done. `cancel`: somebody asked for it. `lost`: the job is, or may be, another's.
 * `stop`: the worker ends.
 */
export type Verdict = 'cancel' | 'lost' | 'stop';

/** What beats beside a running job. */
export interface Heart {
  readonly verdict: Verdict | undefined;
  /** Aborted with the verdict: the engine and all transfers are to end. */
  readonly work: AbortSignal;
  /** Aborted when the lease may have been taken, or when the time to give the job back is over: write nothing more. */
  readonly over: AbortSignal;
  /** From now on the lease is kept, and nothing but the end of the worker's time ends the work: a result is being committed. */
  keepOnly(): void;
  stop(): void;
}

export interface HeartDeps extends Pick<WorkerDeps, 'database' | 'queue' | 'log' | 'options'> {
  readonly lease: Lease;
  readonly message: JobMessage;
  /** performance.now() from before the claim. */
  readonly leasedAt: number;
  /** Aborted when the worker is told to stop. */
  readonly stopping: AbortSignal;
}

/** Sooner than the next beat, so that a short outage does not cost the lease. */
const FASTER = 4;

/**
 * Keeps lease and message of a running job, and watches for the reasons to end it. The lease counts from before the statement
 * that took or extended it, by this process's monotonic clock: it is given up no later than the database gives it away,
 * whatever the clocks of the machines say and however long the database is gone.
 */
export function startHeart(deps: HeartDeps): Heart {
  const { options, log, lease } = deps;
  const work = new AbortController();
  const over = new AbortController();
  const stopped = new AbortController();
  const ended = AbortSignal.any([stopped.signal, over.signal]);
  let verdict: Verdict | undefined;
  let committing = false;
  let leaseTimer: NodeJS.Timeout | undefined;
  let graceTimer: NodeJS.Timeout | undefined;

  const decide = (reason: Verdict): void => {
    if (ended.aborted || committing) return;
    if (verdict === undefined) log.info({ job_id: lease.jobId, reason }, 'the work on a job is ended');
    verdict ??= reason;
    work.abort();
    if (reason === 'lost') over.abort();
  };
  const heldSince = (at: number): void => {
    clearTimeout(leaseTimer);
    leaseTimer = setTimeout(() => decide('lost'), Math.max(0, at + options.leaseMs - performance.now()));
  };

  const beat = async (): Promise<void> => {
    const sentAt = performance.now();
    const [held] = await Promise.all([
      answerWithin(heartbeat(deps.database.db, lease, options.leaseMs), within(options.heartbeatMs)),
      extend(),
    ]);
    if (ended.aborted) return;
    if (held) heldSince(sentAt);
    else decide('lost');
  };
  /** A message that cannot be extended comes back early and finds its job leased: no reason to end the work. */
  const extend = (): Promise<void> =>
    answerWithin(deps.queue.extend(deps.message, options.leaseMs), {
      ...within(options.heartbeatMs),
      code: 'queue_unavailable',
    }).catch((thrown: unknown) => {
      if (!ended.aborted) {
        log.warn({ job_id: lease.jobId, code: toAppError(thrown).code }, 'a message could not be extended');
      }
    });
  const look = async (): Promise<void> => {
    const order = await answerWithin(readLeaseState(deps.database.db, lease), within(options.answerMs));
    if (order !== 'continue') decide(order);
  };
  const within = (ms: number) => ({ ms, signal: ended });

  const every = async (ms: number, retryMs: number, what: string, act: () => Promise<void>): Promise<void> => {
    for (let failing = false; !ended.aborted; ) {
      await pause(failing ? retryMs : ms, ended);
      if (ended.aborted) return;
      try {
        await act();
        failing = false;
      } catch (thrown) {
        const { code } = toAppError(thrown);
        if (!failing && !ended.aborted) log.warn({ job_id: lease.jobId, code }, `${what} failed, trying on`);
        failing = true;
      }
    }
  };

  const onStopping = (): void => {
    graceTimer = setTimeout(() => {
      decide('stop');
      graceTimer = setTimeout(() => over.abort(), options.releaseMs);
    }, options.graceMs);
  };

  heldSince(deps.leasedAt);
  if (deps.stopping.aborted) onStopping();
  else deps.stopping.addEventListener('abort', onStopping, { once: true });
  void every(options.heartbeatMs, options.heartbeatMs / FASTER, 'a heartbeat', beat);
  void every(options.orderPollMs, options.orderPollMs, 'the look for a cancellation', look);

  return {
    get verdict() {
      return verdict;
    },
    work: work.signal,
    over: over.signal,
    keepOnly() {
      committing = true;
    },
    stop() {
      stopped.abort();
      clearTimeout(leaseTimer);
      clearTimeout(graceTimer);
      deps.stopping.removeEventListener('abort', onStopping);
    },
  };
}
