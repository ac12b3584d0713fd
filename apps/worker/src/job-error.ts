import { type AppError, ERRORS, type JobError } from '@qwen-edit/contract';

const LONGEST = 2000;

/** A text that PostgreSQL can store: an engine's last output may contain any bytes, and be long. */
export function storable(text: string): string {
  return text.slice(0, LONGEST).replaceAll('\0', '').toWellFormed();
}

/** An error as the job shows it. The message of an unexpected error may contain a prompt, so it stays in the log. */
export function jobErrorOf(error: AppError): JobError {
  const message =
    error.code === 'internal' ? 'Something unforeseen went wrong in the worker.' : storable(error.message);
  return { code: error.code, message, hint: storable(error.hint), retryable: ERRORS[error.code].retryable };
}
