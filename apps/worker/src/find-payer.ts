import { AppError, ERRORS, type ErrorCode, toAppError } from '@qwen-edit/contract';
import type { Breaker } from './breaker.ts';
import type { AttemptFailure } from './end-attempt.ts';
import type { EngineHolder } from './engine-holder.ts';

export interface PayerDeps {
  readonly engines: Pick<EngineHolder, 'findFault' | 'doubt'>;
  readonly breaker: Pick<Breaker, 'isStreak'>;
}

/** What another worker may have: a picture that arrives whole, a LoRA that was pulled there or is allowed there. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set(['input_damaged', 'lora_not_found', 'lora_refused']);

/** True for an error that another worker may not meet, whatever else is said of its code. */
export const mayBeElsewhere = ({ code }: Pick<AppError, 'code'>): boolean => ELSEWHERE.has(code);

/**
 * True for an error that one worker alone cannot blame on the job: its device, or its way to the storage, may be what is broken.
 * Another worker tries next.
 */
export function mayBeWorkers({ code }: Pick<AppError, 'code'>): boolean {
  return ERRORS[code].origin === 'engine' || mayBeElsewhere({ code });
}

/**
 * Finds out who pays for an attempt that was ended by an error. Trouble of the surroundings is never the job's. An engine's
 * failure is the job's, unless a probe edit fails too or the worker has failed at one job after the other. What the request or
 * the service is to blame for is the job's.
 */
export async function findPayer(
  { engines, breaker }: PayerDeps,
  jobId: string,
  thrown: unknown,
  signal: AbortSignal,
): Promise<AttemptFailure> {
  const error = withoutCancel(toAppError(thrown));
  switch (ERRORS[error.code].origin) {
    case 'surroundings':
      // An engine that says so may not find its model again, or has no device that works.
      if (/^(model|device)_/.test(error.code)) engines.doubt();
      return { error, worker: error };
    case 'engine': {
      const fault = await engines.findFault(signal);
      // If the probe was cut short, nobody knows, and what nobody knows is not held against the job.
      const isWorkers = signal.aborted || breaker.isStreak(jobId);
      return { error, worker: fault ?? (isWorkers ? error : undefined) };
    }
    default:
      return { error, worker: mayBeWorkers(error) && breaker.isStreak(jobId) ? error : undefined };
  }
}

/** Nobody cancelled the job, so its error must not say so. */
function withoutCancel(error: AppError): AppError {
  return error.code === 'canceled' ? new AppError('engine_failed', 'The engine gave the edit up.') : error;
}
