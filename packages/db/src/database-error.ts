import { AppError } from '@qwen-edit/contract';

/** SQLSTATE classes and codes that say: not now. Source: PostgreSQL, appendix A. */
const UNAVAILABLE = /^(08...|53...|57P0[123]|57014|25006|40001|40P01|55P03)$/;
const NETWORK = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/;
const MISSING_TABLE = '42P01';
/** What pg says where it gives no code. */
const WORDS =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Query read timeout|timeout expired/;

/** Turns an error of pg or drizzle into an AppError: `database_unavailable` where trying again may help. */
export function toDatabaseError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = sqlState(thrown);
  const reason = innermost(thrown);
  const message = reason instanceof Error ? reason.message : String(reason);
  if (UNAVAILABLE.test(code) || NETWORK.test(code) || WORDS.test(message)) {
    return new AppError('database_unavailable', `The database cannot be used now (${code === '' ? message : code}).`, {
      cause: thrown,
    });
  }
  if (code === MISSING_TABLE) return new AppError('migration_needed', 'The database lacks a table.', { cause: thrown });
  return new AppError('internal', message, { cause: thrown });
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
