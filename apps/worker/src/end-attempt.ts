import { createBackoff } from '@qwen-edit/async';
import { type AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import { cancelRunningJob, failJob, type Lease, releaseJob, retryJob, returnLostLease } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';
import { runFencedStatement, statementRules } from './fenced-statement.ts';
import { mayBeElsewhere, mayBeWorkers } from './find-payer.ts';
import { jobErrorOf } from './job-error.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** How an attempt ended. It decides what is done with the message. */
export type AttemptOutcome =
  | { readonly status: 'succeeded' | 'canceled' }
  | { readonly status: 'failed'; readonly error: AppError }
  /** The worker gave the job back, without a failure: it is being stopped or, with an error, it cannot work. */
  | { readonly status: 'released'; readonly error?: AppError }
  | { readonly status: 'retried'; readonly error: AppError; readonly delayMs: number }
  /** Another worker has the job, or nobody knows: whoever gets the message next decides. */
  | { readonly status: 'lost' | 'unknown' };

export interface Attempt {
  readonly lease: Lease;
  /** 1 for the job's first attempt. */
  readonly number: number;
  readonly keeper: Pick<LeaseKeeper, 'stopReason' | 'ranOut' | 'writeSignal'>;
  /** Aborts when the worker is told to stop. */
  readonly stopping: AbortSignal;
}

/** What ended an attempt, if its lease keeper did not. */
export interface AttemptFailure {
  readonly error: AppError;
  /** The worker's trouble: the job is given back and does not pay for it. */
  readonly worker?: AppError | undefined;
}

type EndDeps = Pick<WorkerDeps, 'database' | 'options' | 'random'>;

/** Ends an attempt without a result, for the lease keeper's reason or, if it has none, for the error. Never rejects. */
export async function endAttempt(
  deps: EndDeps & Pick<WorkerDeps, 'log'>,
  attempt: Attempt,
  failure: AttemptFailure,
): Promise<AttemptOutcome> {
  try {
    return await settleJob(deps, attempt, failure);
  } catch (thrown) {
    const { code } = toAppError(thrown);
    deps.log.error({ job_id: attempt.lease.jobId, code }, 'an attempt could not be ended, its lease runs out');
    if (failure.worker !== undefined) await returnLease(deps, attempt.lease, attempt.stopping);
    return { status: 'lost' };
  }
}

async function settleJob(deps: EndDeps, attempt: Attempt, { error, worker }: AttemptFailure): Promise<AttemptOutcome> {
  const { lease, keeper } = attempt;
  const { db } = deps.database;
  const run = <T>(statement: () => Promise<T>): Promise<T> =>
    runFencedStatement(statementRules(deps), statement, keeper.writeSignal);
  switch (keeper.stopReason) {
    case 'lost': {
      if (keeper.ranOut) await returnLease(deps, lease, attempt.stopping);
      return { status: 'lost' };
    }
    case 'cancel': {
      const canceled = await run(() => cancelRunningJob(db, lease));
      return { status: canceled ? 'canceled' : 'lost' };
    }
    case 'stop': {
      const status = await run(() => releaseJob(db, lease));
      return { status: status === 'queued' ? 'released' : status };
    }
    default: {
      const jobError = jobErrorOf(error);
      if (worker !== undefined) {
        const status = await run(() => releaseJob(db, lease, jobError));
        return status === 'queued' ? { status: 'released', error: worker } : { status };
      }
      if (!ERRORS[error.code].retryable && !mayBeElsewhere(error)) {
        const failed = await run(() => failJob(db, lease, jobError));
        return failed ? { status: 'failed', error } : { status: 'lost' };
      }
      const delayMs = retryDelay(deps, attempt.number);
      const elsewhere = mayBeWorkers(error);
      const status = await run(() => retryJob(db, lease, { error: jobError, delayMs, elsewhere }));
      if (status === 'queued') return { status: 'retried', error, delayMs };
      return status === 'failed' ? { status, error } : { status };
    }
  }
}

/**
 * Tells the database, as soon as it answers, that this worker has outlived its lease, so that the lost attempt does not count.
 * Only a shutdown ends the wait: without the database there is no other work.
 */
export async function returnLease(deps: EndDeps, lease: Lease, stopping: AbortSignal): Promise<void> {
  const give = () => returnLostLease(deps.database.db, lease);
  await runFencedStatement(statementRules(deps), give, stopping).catch(() => undefined);
}

function retryDelay({ options, random }: Pick<WorkerDeps, 'options' | 'random'>, attempt: number): number {
  return createBackoff({ firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random })(attempt);
}
