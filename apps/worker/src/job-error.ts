import { type AppError, ERRORS, type JobError } from '@qwen-edit/contract';

const LONGEST = 2000;

/** A text that PostgreSQL can keep; an engine's last words may hold anything. */
export function storable(text: string): string {
  return text.slice(0, LONGEST).replaceAll('\0', '').toWellFormed();
}

/** An error as the job shows it. What is unforeseen may hold anything, a prompt too: the log has its code and place. */
export function jobErrorOf(error: AppError): JobError {
  const message =
    error.code === 'internal' ? 'Something unforeseen went wrong in the worker.' : storable(error.message);
  return { code: error.code, message, hint: storable(error.hint), retryable: ERRORS[error.code].retryable };
}
