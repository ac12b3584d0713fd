import { AppError } from '@qwen-edit/contract';

/** SQLSTATE classes and codes of trouble that may pass. Source: PostgreSQL, appendix A. */
const UNAVAILABLE = /^(08...|25P03|25006|28...|3D000|40001|40P01|53...|55P03|57014|57P0[1235])$/;
const NETWORK = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/;
/** SQLSTATE of a row that refers to a missing one, or of deleting one that is referred to. */
export const FOREIGN_KEY = '23503';
const MISSING_TABLE = '42P01';
/** What pg says when its query_timeout has passed. */
const UNANSWERED = 'Query read timeout';
/** What pg says of broken connections without giving a code. */
const CONNECTION_LOST =
  /timeout exceeded when trying to connect|Connection terminated|is not queryable|timeout expired/;

/**
 * Turns an error of pg or drizzle into an AppError: `database_unavailable` if trying again may help, `migration_needed` if a
 * table is missing, else `internal`. The cause is pg's own error. Drizzle's error is left out, because its text
 * holds the statement's values, which may be prompts and must not get into a log.
 */
export function toDatabaseError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = sqlState(thrown);
  const reason = innermost(thrown);
  const message = reason instanceof Error ? reason.message : String(reason);
  if (UNAVAILABLE.test(code) || NETWORK.test(code) || CONNECTION_LOST.test(message) || message === UNANSWERED) {
    return new AppError('database_unavailable', `The database cannot be used now (${code === '' ? message : code}).`, {
      cause: reason,
    });
  }
  if (code === MISSING_TABLE) return new AppError('migration_needed', 'The database lacks a table.', { cause: reason });
  return new AppError('internal', message, { cause: reason });
}

/** True if the statement may still be running on its connection, which then cannot be used for anything else. */
export function isUnanswered(thrown: unknown): thrown is Error {
  const reason = innermost(thrown);
  return reason instanceof Error && reason.message === UNANSWERED;
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
