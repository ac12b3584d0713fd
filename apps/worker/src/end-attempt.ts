import { createBackoff } from '@qwen-edit/async';
import { AppError, ERRORS, type ErrorCode, toAppError } from '@qwen-edit/contract';
import { cancelRunningJob, failJob, type Lease, releaseJob, retryJob } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';
import { runFencedStatement, statementRules } from './fenced-statement.ts';
import { jobErrorOf } from './job-error.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** How an attempt ended. It decides what is done with the message. */
export type AttemptOutcome =
  | { readonly status: 'succeeded' | 'canceled' }
  | { readonly status: 'failed'; readonly error: AppError }
  /** The worker is being stopped and gave the job back, without a failure. */
  | { readonly status: 'released' }
  | { readonly status: 'retried'; readonly error: AppError; readonly delayMs: number }
  /** Another worker has the job, or nobody knows: whoever gets the message next decides. */
  | { readonly status: 'lost' | 'unknown' };

export interface Attempt {
  readonly lease: Lease;
  /** 1 for the job's first attempt. */
  readonly number: number;
  readonly keeper: Pick<LeaseKeeper, 'stopReason' | 'writeSignal'>;
}

type EndDeps = Pick<WorkerDeps, 'database' | 'options' | 'random'>;

/**
 * Errors of this worker rather than of the job: another attempt may succeed although the same request to an API would not.
 * `canceled` is one of them here because nobody asked for it.
 */
const WORKER_ERRORS: ReadonlySet<ErrorCode> = new Set([
  'model_not_found',
  'model_incomplete',
  'model_corrupt',
  'model_unsupported',
  'engine_closed',
  'canceled',
]);

/** Ends an attempt without a result, for the lease keeper's reason or, if it has none, for the error. Never rejects. */
export async function endAttempt(
  deps: EndDeps & Pick<WorkerDeps, 'log'>,
  attempt: Attempt,
  thrown: unknown,
): Promise<AttemptOutcome> {
  try {
    return await settleJob(deps, attempt, thrown);
  } catch (failure) {
    const { code } = toAppError(failure);
    deps.log.error({ job_id: attempt.lease.jobId, code }, 'an attempt could not be ended, its lease runs out');
    return { status: 'lost' };
  }
}

async function settleJob(deps: EndDeps, attempt: Attempt, thrown: unknown): Promise<AttemptOutcome> {
  const { lease, keeper } = attempt;
  const { db } = deps.database;
  const run = <T>(statement: () => Promise<T>): Promise<T> =>
    runFencedStatement(statementRules(deps), statement, keeper.writeSignal);
  switch (keeper.stopReason) {
    case 'lost':
      return { status: 'lost' };
    case 'cancel': {
      const canceled = await run(() => cancelRunningJob(db, lease));
      return { status: canceled ? 'canceled' : 'lost' };
    }
    case 'stop': {
      const status = await run(() => releaseJob(db, lease));
      return { status: status === 'queued' ? 'released' : status };
    }
    default: {
      const error = withoutCancel(toAppError(thrown));
      const jobError = jobErrorOf(error);
      if (!mayRetry(error)) {
        const failed = await run(() => failJob(db, lease, jobError));
        return failed ? { status: 'failed', error } : { status: 'lost' };
      }
      const delayMs = retryDelay(deps, attempt.number);
      const status = await run(() => retryJob(db, lease, { error: jobError, delayMs }));
      if (status === 'queued') return { status: 'retried', error, delayMs };
      return status === 'failed' ? { status, error } : { status };
    }
  }
}

function mayRetry({ code }: AppError): boolean {
  return ERRORS[code].retryable || WORKER_ERRORS.has(code);
}

/** Nobody cancelled the job, so its error must not say so. */
function withoutCancel(error: AppError): AppError {
  return error.code === 'canceled' ? new AppError('engine_failed', 'The engine gave the edit up.') : error;
}

function retryDelay({ options, random }: Pick<WorkerDeps, 'options' | 'random'>, attempt: number): number {
  return createBackoff({ firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random })(attempt);
}
