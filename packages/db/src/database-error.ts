import { AppError } from '@qwen-edit/contract';

/** SQLSTATE classes and codes that say: not now. Source: PostgreSQL, appendix A. */
const UNAVAILABLE = /^(08...|25P03|25006|28...|3D000|40001|40P01|53...|55P03|57014|57P0[1235])$/;
const NETWORK = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/;
/** SQLSTATE of a row that points at none, or of deleting one that is pointed at. */
export const FOREIGN_KEY = '23503';
const MISSING_TABLE = '42P01';
/** What pg says when its query_timeout has passed. */
const UNANSWERED = 'Query read timeout';
/** What pg says where it gives no code. */
const WORDS = /timeout exceeded when trying to connect|Connection terminated|is not queryable|timeout expired/;

/**
 * Turns an error of pg or drizzle into an AppError: `database_unavailable` where trying again may help. The cause is pg's
 * own error: drizzle's names the statement's values, which may be prompts and pictures and do not belong into a log.
 */
export function toDatabaseError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = sqlState(thrown);
  const reason = innermost(thrown);
  const message = reason instanceof Error ? reason.message : String(reason);
  if (UNAVAILABLE.test(code) || NETWORK.test(code) || WORDS.test(message) || message === UNANSWERED) {
    return new AppError('database_unavailable', `The database cannot be used now (${code === '' ? message : code}).`, {
      cause: reason,
    });
  }
  if (code === MISSING_TABLE) return new AppError('migration_needed', 'The database lacks a table.', { cause: reason });
  return new AppError('internal', message, { cause: reason });
}

/** True where the statement may still be under way on its connection, which is then good for nothing else. */
export function isUnanswered(thrown: unknown): thrown is Error {
  const reason = innermost(thrown);
  return reason instanceof Error && reason.message === UNANSWERED;
}

/** The SQLSTATE or the system's error code, else ''. */
export function sqlState(thrown: unknown): string {
  const inner = innermost(thrown);
  return typeof inner === 'object' && inner !== null && 'code' in inner ? String(inner.code) : '';
}

/** drizzle wraps what pg throws, and a refused connection may hold one error for each address. */
function innermost(thrown: unknown): unknown {
  if (thrown instanceof AggregateError && thrown.errors.length > 0 && !('code' in thrown))
    return innermost(thrown.errors[0]);
  return thrown instanceof Error && thrown.cause !== undefined ? innermost(thrown.cause) : thrown;
}
