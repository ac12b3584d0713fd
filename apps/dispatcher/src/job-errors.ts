import { callerJobError, ERRORS, type ErrorCode, type JobError } from '@qwen-edit/contract';

function jobError(code: ErrorCode, message: string): JobError {
  const { hint, retryable } = ERRORS[code];
  return callerJobError({ code, message, hint, retryable });
}

export const WORKER_LOST = jobError('worker_lost', 'The worker has not been heard of in time.');
export const DEADLINE_PASSED = jobError('expired', 'The deadline has passed before the job was done.');
export const POISON = jobError('poison', 'Its message came out of the dead-letter queue again and again.');
