import { AppError } from '@qwen-edit/contract';
import { isFull, sqlState, toDatabaseError } from './database-error.ts';

/** What fails so was never sent: there was no connection to send it on. */
const NOT_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|28...|3D000|53300|57P03)$|^timeout exceeded when trying to connect/;
/** SQLSTATE classes and codes with which a server may also end a connection in the middle of a COMMIT. Any other one undoes. */
const MAYBE_DONE = /^(08...|57P01|57P02|57P05|58...|XX...)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * Translates as toDatabaseError does what had to commit: COMMIT itself, or a statement that is a transaction by itself.
 * `outcomeUnknown` is true if it may have been committed all the same, because its answer was lost.
 */
export function toCommitError(thrown: unknown): AppError {
  const error = toDatabaseError(thrown);
  if (error.outcomeUnknown || !mayBeDone(error)) return error;
  const { code, message, hint, cause } = error;
  return new AppError(code, message, { hint, cause, outcomeUnknown: true });
}

/** An error without an SQLSTATE says nothing about what the server did, unless nothing was sent. */
function mayBeDone(error: AppError): boolean {
  // Who was not let in has sent nothing.
  if (error.code === 'database_refused' || isFull(error)) return false;
  const code = sqlState(error);
  const message = error.cause instanceof Error ? error.cause.message : error.message;
  if (NOT_SENT.test(code) || NOT_SENT.test(message)) return false;
  return !SQLSTATE.test(code) || MAYBE_DONE.test(code);
}
