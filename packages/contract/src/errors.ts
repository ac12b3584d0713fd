import { EDIT_ERRORS } from './edit-errors.ts';
import type { ErrorFacts } from './error-facts.ts';
import type { FieldError } from './field-errors.ts';
import { SERVICE_ERRORS } from './service-errors.ts';

export type { ErrorFacts } from './error-facts.ts';

/** Every error that can reach a user, with its facts. The keys are the closed union of codes. */
export const ERRORS = { ...EDIT_ERRORS, ...SERVICE_ERRORS } as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  /** Replaces the table's hint if the place knows better. */
  readonly hint?: string;
  /** When to try again, if the place knows that. */
  readonly retryAfterSeconds?: number | undefined;
  /** The request of the API that failed, by the id which the service's log has. */
  readonly requestId?: string | undefined;
  /** Replaces what the table has callers told to do. */
  readonly callerHint?: string | undefined;
  /** True if the change may have been made all the same: the answer to its COMMIT was lost. */
  readonly outcomeUnknown?: boolean;
  /** The job that the request may have made. */
  readonly jobId?: string | undefined;
  /** What is wrong with which field of a request. */
  readonly errors?: readonly FieldError[] | undefined;
  readonly cause?: unknown;
}

/** The only error that may reach a user: a code from the closed union, what happened, and what to do. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryAfterSeconds: number | undefined;
  readonly requestId: string | undefined;
  readonly callerHint: string | undefined;
  readonly outcomeUnknown: boolean;
  readonly jobId: string | undefined;
  readonly errors: readonly FieldError[];

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.requestId = options.requestId;
    this.callerHint = options.callerHint;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
    this.jobId = options.jobId;
    this.errors = options.errors ?? [];
  }
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERRORS, value);
}

/** Turns whatever was thrown into an AppError; an unforeseen error becomes `internal` and keeps its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError('internal', message, { cause: thrown });
}
