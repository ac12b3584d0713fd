import { createBackoff } from '@qwen-edit/async';
import type { WorkerDeps } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';
import { mayBeWorkers } from './find-payer.ts';

export interface BreakerVerdict {
  /** For how many milliseconds no job may be taken; 0 if the worker is not to blame. */
  readonly waitMs: number;
  /** Jobs that paid for earlier failures which, as it shows now, were the worker's. */
  readonly forgive: readonly string[];
}

/**
 * Keeps a worker that fails by its own fault from taking one job after the other, although each of its checks passes. After each
 * such failure it waits, twice as long as before, and then tries one job.
 */
export interface Breaker {
  /** Notes how an attempt ended. Returns what follows from it. */
  note(jobId: string, outcome: AttemptOutcome): BreakerVerdict;
  /**
   * True if a failure at this job that may be the worker's would be one of several in a row, each at another job: then it is not
   * these jobs that fail, whatever the probe edit says.
   */
  isStreak(jobId: string): boolean;
  /** True after several failures in a row: only a success proves that the worker works again. */
  isOpen(): boolean;
}

/** So many failures in a row are no accident. */
const SEVERAL = 3;

export function createBreaker({ options, random }: Pick<WorkerDeps, 'options' | 'random'>): Breaker {
  const backoff = createBackoff({ firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random });
  let own = 0;
  const failedAt = new Set<string>();
  const paid = new Set<string>();
  return {
    note(jobId, outcome) {
      if (outcome.status === 'succeeded') {
        own = 0;
        failedAt.clear();
        paid.clear();
      }
      const error = 'error' in outcome ? outcome.error : undefined;
      const isDoubtful = error !== undefined && mayBeWorkers(error);
      if (outcome.status === 'released' && error !== undefined) {
        const forgive = isDoubtful ? [...paid] : [];
        if (isDoubtful) paid.clear();
        return { waitMs: backoff(++own), forgive };
      }
      if (isDoubtful) {
        failedAt.add(jobId);
        paid.add(jobId);
      }
      return { waitMs: 0, forgive: [] };
    },
    isStreak: (jobId) => failedAt.size + (failedAt.has(jobId) ? 0 : 1) >= SEVERAL,
    isOpen: () => own >= SEVERAL,
  };
}
