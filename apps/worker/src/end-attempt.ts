import { AppError, ERRORS, type ErrorCode, toAppError } from '@qwen-edit/contract';
import { cancelRunningJob, failJob, type Lease, releaseJob, retryJob } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';
import type { Heart } from './heart.ts';
import { jobErrorOf } from './job-error.ts';
import { backoffMs } from './pause.ts';
import { persist } from './persist.ts';

/** What an attempt came to, and with it what is to be done with the message. */
export type Outcome =
  | { readonly became: 'succeeded' | 'canceled' }
  | { readonly became: 'failed'; readonly error: AppError }
  /** Given back, without a failure where the worker is being stopped. */
  | { readonly became: 'released' }
  | { readonly became: 'retried'; readonly error: AppError; readonly delayMs: number }
  /** Another has the job, or nobody knows: whoever comes next decides. */
  | { readonly became: 'lost' | 'unknown' };

interface Attempt {
  readonly lease: Lease;
  readonly attempt: number;
  readonly heart: Heart;
}

/**
 * Troubles of this worker rather than of the job: another attempt may go well although the same request to an API would not.
 * `canceled` is one here because nobody asked for it.
 */
const OF_THE_WORKER: ReadonlySet<ErrorCode> = new Set([
  'model_not_found',
  'model_incomplete',
  'model_corrupt',
  'model_unsupported',
  'engine_closed',
  'canceled',
]);

/** Ends an attempt that has no result, for the reason that the heart has or else for what was thrown. Never rejects. */
export async function endAttempt(
  deps: Pick<WorkerDeps, 'database' | 'options' | 'log' | 'random'>,
  attempt: Attempt,
  thrown: unknown,
): Promise<Outcome> {
  try {
    return await settle(deps, attempt, thrown);
  } catch (failure) {
    const { code } = toAppError(failure);
    deps.log.error({ job_id: attempt.lease.jobId, code }, 'an attempt could not be ended, its lease runs out');
    return { became: 'lost' };
  }
}

async function settle(
  deps: Pick<WorkerDeps, 'database' | 'options' | 'random'>,
  { lease, attempt, heart }: Attempt,
  thrown: unknown,
): Promise<Outcome> {
  const { db } = deps.database;
  switch (heart.verdict) {
    case 'lost':
      return { became: 'lost' };
    case 'cancel': {
      const canceled = await persist(deps, () => cancelRunningJob(db, lease), heart.over);
      return { became: canceled ? 'canceled' : 'lost' };
    }
    case 'stop': {
      const became = await persist(deps, () => releaseJob(db, lease), heart.over);
      return { became: became === 'queued' ? 'released' : became };
    }
    default: {
      const error = nameless(toAppError(thrown));
      if (!mayPass(error)) {
        const failed = await persist(deps, () => failJob(db, lease, jobErrorOf(error)), heart.over);
        return failed ? { became: 'failed', error } : { became: 'lost' };
      }
      const delayMs = retryDelay(deps, attempt);
      const retry = { error: jobErrorOf(error), delayMs };
      const became = await persist(deps, () => retryJob(db, lease, retry), heart.over);
      if (became === 'queued') return { became: 'retried', error, delayMs };
      return became === 'failed' ? { became, error } : { became };
    }
  }
}

function mayPass({ code }: AppError): boolean {
  return ERRORS[code].retryable || OF_THE_WORKER.has(code);
}

function nameless(error: AppError): AppError {
  return error.code === 'canceled' ? new AppError('engine_failed', 'The engine gave the edit up.') : error;
}

function retryDelay(
  { options, random = Math.random }: Pick<WorkerDeps, 'options' | 'random'>,
  attempt: number,
): number {
  return backoffMs(attempt, { firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random });
}
