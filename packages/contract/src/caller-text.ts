import { ERRORS, type ErrorCode, type ErrorFacts, isErrorCode } from './errors.ts';
import type { JobError } from './job.ts';

/** The words of an error that a caller may read. */
export interface CallerText {
  readonly text: string;
  readonly hint: string;
}

/** Errors of the service whose own words are about the request or the job. Those of its parts name buckets, paths, settings. */
const OWN_WORDS: ReadonlySet<ErrorCode> = new Set([
  'queue_full',
  'not_ready',
  'input_missing',
  'worker_lost',
  'expired',
]);

/**
 * What a caller of the API may read of an error, wherever it reaches one: a problem, a job, an event, a webhook. An error of the
 * request is told in its own words. Any other may name what belongs to whoever runs the service (a bucket, a path, an address, a
 * setting, the last output of an engine), so it is told in the table's words; its own belong in the log.
 *
 * @example callerTextOf(new AppError('storage_unavailable', 'There is no bucket b.')).text // 'The object storage cannot be used.'
 */
export function callerTextOf(error: {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly callerHint?: string | undefined;
}): CallerText {
  const { code, message, hint, callerHint } = error;
  // Widened, because not every row of the table has all members.
  const facts: ErrorFacts = ERRORS[code];
  const asked = facts.origin === 'request';
  const tableHint = facts.callerHint ?? facts.hint;
  return {
    text: asked || OWN_WORDS.has(code) ? message : `${facts.title}.`,
    hint: callerHint ?? (asked && hint !== facts.hint ? hint : tableHint),
  };
}

/** A job's error as a caller may read it. One that an earlier version stored may still hold what is not for callers. */
export function callerJobError(error: JobError): JobError {
  // A later version that knows the code has stored it in words for callers.
  if (!isErrorCode(error.code)) return error;
  const { text, hint } = callerTextOf({ ...error, code: error.code });
  return { code: error.code, message: text, hint, retryable: error.retryable };
}
