import { AppError } from '@qwen-edit/contract';
import { type Reason, refusalOf } from './refusals.ts';

/**
 * SQLSTATE classes and codes of trouble that may pass: 26000 and 42P05 are of named statements that a pooler has mixed up, and
 * come once. Source: PostgreSQL, appendix A.
 */
const UNAVAILABLE = /^(08...|25P03|25006|26000|40001|40P01|42P05|53...|55000|55P03|57014|57P0[1235])$/;
const NETWORK = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/;
/** SQLSTATE of a row that refers to a missing one, or of deleting one that is referred to. */
export const FOREIGN_KEY = '23503';
const MISSING_TABLE = '42P01';
/** What pg says when its query_timeout has passed. */
const UNANSWERED = 'Query read timeout';
/** What pg-pool says when none of its connections has become free in time. */
const POOL_WAIT_OVER = 'timeout exceeded when trying to connect';
/** What pg says of broken connections without giving a code. */
const CONNECTION_LOST = /Connection terminated|is not queryable|timeout expired|after calling end on the pool/;
/** What PostgreSQL and poolers say where no more connections fit. */
const FULL =
  /too many (clients|connections)|no more connections|remaining connection slots|max client(s| connections) reached/i;
const FULL_CODE = '53300';
const FULL_HINT =
  'Lower DATABASE_POOL_SIZE of the processes, or raise max_connections of the server, the limit of the role, or that of the pooler.';

/**
 * Turns an error of pg or drizzle into an AppError: `database_unavailable` if trying again may help, `database_refused` if
 * somebody has to change something first, `migration_needed` if a table is missing, else `internal`. The cause is pg's own
 * error. Drizzle's error is left out, because its text holds the statement's values, which may be prompts and must not get
 * into a log.
 */
export function toDatabaseError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const cause = innermost(thrown);
  const reason = reasonOf(thrown);
  const { code, message } = reason;
  if (message === POOL_WAIT_OVER) {
    return new AppError('database_unavailable', 'No connection to the database became free in time.', {
      hint: 'Try again soon; if it stays, raise DATABASE_POOL_SIZE, or look for slow statements.',
      cause,
    });
  }
  if (isFull(thrown)) {
    return new AppError('database_unavailable', `The database takes no more connections (${message}).`, {
      hint: FULL_HINT,
      cause,
    });
  }
  const refusal = refusalOf(reason);
  if (refusal !== undefined) return new AppError('database_refused', refusal.message, { hint: refusal.hint, cause });
  if (UNAVAILABLE.test(code) || NETWORK.test(code) || CONNECTION_LOST.test(message) || message === UNANSWERED) {
    return new AppError('database_unavailable', `The database cannot be used now (${code === '' ? message : code}).`, {
      cause,
    });
  }
  if (code === MISSING_TABLE) return new AppError('migration_needed', 'The database lacks a table.', { cause });
  return new AppError('internal', message, { cause });
}

/** True if the statement may still be running on its connection, which then cannot be used for anything else. */
export function isUnanswered(thrown: unknown): thrown is Error {
  const reason = innermost(thrown);
  return reason instanceof Error && reason.message === UNANSWERED;
}

/** True if server or pooler have no place for one more connection. */
export function isFull(thrown: unknown): boolean {
  const { code, message } = reasonOf(thrown);
  return code === FULL_CODE || (/^(08P01|XX000|57P03)$/.test(code) && FULL.test(message));
}

/** Code and text of what failed. */
export function reasonOf(thrown: unknown): Reason {
  const cause = innermost(thrown);
  return { code: sqlState(thrown), message: cause instanceof Error ? cause.message : String(cause) };
}

/** The SQLSTATE or the system's error code of what failed, else ''. It looks through AppErrors at their cause. */
export function sqlState(thrown: unknown): string {
  const inner = innermost(thrown);
  return typeof inner === 'object' && inner !== null && 'code' in inner ? String(inner.code) : '';
}

/** Drizzle and we wrap what pg throws, and a refused connection may hold one error for each address. */
function innermost(thrown: unknown): unknown {
  if (thrown instanceof AggregateError && thrown.errors.length > 0 && !('code' in thrown))
    return innermost(thrown.errors[0]);
  return thrown instanceof Error && thrown.cause !== undefined ? innermost(thrown.cause) : thrown;
}

const UNIQUE = '23505';

/** The name of the unique constraint that a row would have broken; undefined for another error. */
export function brokenUnique(thrown: unknown): string | undefined {
  const inner = innermost(thrown);
  if (sqlState(thrown) !== UNIQUE || typeof inner !== 'object' || inner === null) return undefined;
  return 'constraint' in inner ? String(inner.constraint) : undefined;
}
