import { isTerminalEvent } from '@qwen-edit/contract';
import type { JobEventRow } from '@qwen-edit/db';
import type { Logger } from '@qwen-edit/telemetry';
import { describeError } from './describe-error.ts';

/** How a wait ended: `newer`: the job has newer events; `gone`: the job is deleted; `stopped`: the process stops. */
export type WaitOutcome = 'newer' | 'gone' | 'timeout' | 'aborted' | 'stopped';

export interface WaitOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number | undefined;
}

/**
 * Follows jobs for any number of readers. Each round asks for the events of all watched jobs in one query; while nobody
 * waits there is no query. All readers of a job share the query that reads its new events. If the database cannot be
 * reached, the watch keeps trying.
 */
export interface JobWatch {
  /** Waits until the job has an event after `seq`. */
  next(jobId: string, seq: number, options: WaitOptions): Promise<WaitOutcome>;
  /** Events after `seq`, in order. */
  events(jobId: string, seq: number): Promise<readonly JobEventRow[]>;
  /** Waits for the job's terminal event after `seq`. */
  untilEnd(jobId: string, seq: number, options: WaitOptions): Promise<'ended' | Exclude<WaitOutcome, 'newer'>>;
  /** How many readers wait now. */
  waiting(): number;
}

export interface JobWatchDeps {
  /** The seq of the newest event of each of these jobs; a job that does not exist is left out. */
  readonly readSeqs: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Events of a job after `seq`, in order, at most as many as one query should read. */
  readonly readEvents: (jobId: string, seq: number) => Promise<readonly JobEventRow[]>;
  readonly pollMs: number;
  readonly log: Logger;
  /** Ends every wait. */
  readonly stopping: AbortSignal;
}

interface Waiter {
  readonly jobId: string;
  readonly seq: number;
  readonly settle: (news: WaitOutcome) => void;
}

const AFTER_ERROR_MS = 1000;

/** Watches jobs until `stopping` aborts. */
export function createJobWatch({ readSeqs, readEvents, pollMs, log, stopping }: JobWatchDeps): JobWatch {
  const waiters = new Set<Waiter>();
  const reads = new Map<string, Promise<readonly JobEventRow[]>>();
  let round: NodeJS.Timeout | undefined;
  let asking = false;
  let failing = false;

  stopping.addEventListener('abort', () => {
    clearTimeout(round);
    for (const waiter of [...waiters]) waiter.settle('stopped');
  });

  function schedule(): void {
    if (asking || round !== undefined || waiters.size === 0 || stopping.aborted) return;
    round = setTimeout(ask, failing ? Math.max(pollMs, AFTER_ERROR_MS) : pollMs);
  }

  async function ask(): Promise<void> {
    round = undefined;
    asking = true;
    // The query knows nothing of readers that come while it runs; they wait for the next round.
    const asked = [...waiters];
    try {
      const seqs = await readSeqs([...new Set(asked.map(({ jobId }) => jobId))]);
      failing = false;
      for (const { jobId, seq, settle } of asked) {
        const newest = seqs.get(jobId);
        if (newest === undefined) settle('gone');
        else if (newest > seq) settle('newer');
      }
    } catch (thrown) {
      if (!failing) log.warn({ errors: describeError(thrown) }, 'events cannot be read now');
      failing = true;
    } finally {
      asking = false;
      schedule();
    }
  }

  function next(jobId: string, seq: number, { signal, timeoutMs }: WaitOptions): Promise<WaitOutcome> {
    if (signal.aborted) return Promise.resolve('aborted');
    if (stopping.aborted) return Promise.resolve('stopped');
    const { promise, resolve } = Promise.withResolvers<WaitOutcome>();
    const onAbort = (): void => waiter.settle('aborted');
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => waiter.settle('timeout'), timeoutMs);
    const waiter: Waiter = {
      jobId,
      seq,
      settle(news) {
        waiters.delete(waiter);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        if (waiters.size === 0) {
          clearTimeout(round);
          round = undefined;
        }
        resolve(news);
      },
    };
    signal.addEventListener('abort', onAbort);
    waiters.add(waiter);
    schedule();
    return promise;
  }

  function events(jobId: string, seq: number): Promise<readonly JobEventRow[]> {
    const key = `${jobId}:${seq}`;
    const running = reads.get(key);
    if (running !== undefined) return running;
    const read = readEvents(jobId, seq).finally(() => reads.delete(key));
    reads.set(key, read);
    return read;
  }

  async function untilEnd(jobId: string, seq: number, { signal, timeoutMs }: WaitOptions) {
    const end = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    let seen = seq;
    for (;;) {
      const left = end === undefined ? undefined : Math.max(0, end - performance.now());
      const news = await next(jobId, seen, { signal, timeoutMs: left });
      if (news !== 'newer') return news;
      // If the events cannot be read now, the next round finds them newer again.
      for (const event of await events(jobId, seen).catch(() => [])) {
        if (isTerminalEvent(event.type)) return 'ended';
        seen = event.seq;
      }
    }
  }

  return { next, events, untilEnd, waiting: () => waiters.size };
}
