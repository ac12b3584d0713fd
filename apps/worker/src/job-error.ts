import { type AppError, callerTextOf, ERRORS, type JobError } from '@qwen-edit/contract';

const LONGEST = 2000;

/** A text that PostgreSQL can store: an engine's last output may contain any bytes, and be long. */
export function storable(text: string): string {
  return text.slice(0, LONGEST).replaceAll('\0', '').toWellFormed();
}

/** An error as the job shows it, in words for callers. The error's own words are in the log of the attempt. */
export function jobErrorOf(error: AppError): JobError {
  const { text, hint } = callerTextOf(error);
  return { code: error.code, message: storable(text), hint: storable(hint), retryable: ERRORS[error.code].retryable };
}
