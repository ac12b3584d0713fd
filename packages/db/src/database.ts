import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { isUnanswered, toDatabaseError } from './database-error.ts';
import { withNamedStatements } from './named-statements.ts';
import { createNotifier, QUEUE_CHANNEL } from './notifier.ts';

/** What a statement runs on: the pool, or one transaction. */
export type Db = NodePgDatabase;

export interface DatabaseOptions {
  /** postgres://user:password@host:port/name */
  readonly url: string;
  /** Connections at most. */
  readonly max?: number;
  /** Shown by pg_stat_activity. */
  readonly applicationName?: string;
  /** A statement that takes longer is ended by the server. */
  readonly statementTimeoutMs?: number;
  /** A server that has not answered by then counts as gone. By default 5 s after it should have ended the statement. */
  readonly answerTimeoutMs?: number;
  /** Waiting for a free connection, or for a new one, ends after this. */
  readonly connectTimeoutMs?: number;
  readonly onError?: (error: Error) => void;
}

export interface Database {
  readonly pool: pg.Pool;
  readonly db: Db;
  /** Runs `work` in one transaction: all of it or nothing. */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** Wakes receivers of the Postgres queue, soon; see createNotifier. */
  notifyQueue(): void;
  /** AppError `database_unavailable` when the server does not answer. */
  check(): Promise<void>;
  /** Waits for the connections that are in use, 5 s at most. To be called when nobody wants another one. */
  close(): Promise<void>;
}

const CLOSE_MS = 5_000;
const DEFAULTS = { max: 10, statementTimeoutMs: 30_000, connectTimeoutMs: 10_000, answerGraceMs: 5_000 };

/** A pool of connections to PostgreSQL 15 or later. Connects on first use. */
export function createDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? DEFAULTS.statementTimeoutMs;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? DEFAULTS.max,
    application_name: options.applicationName ?? 'qwen-edit',
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    // A connection whose other side vanished without a sign would keep its statement waiting for hours.
    query_timeout: options.answerTimeoutMs ?? statementTimeoutMs + DEFAULTS.answerGraceMs,
    connectionTimeoutMillis: options.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
    keepAlive: true,
  });
  // A connection can break in the moment between being handed out and its taker's listening, which would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closed: Promise<void> | undefined;
  // Without a listener, a connection that the server ends while it is idle would end the process.
  pool.on('error', (error) => {
    if (closed === undefined) options.onError?.(error);
  });

  const notifier = createNotifier(pool, QUEUE_CHANNEL);

  return {
    pool,
    db: drizzle(withNamedStatements(pool)),
    transaction: (work) => runTransaction(pool, work),
    notifyQueue: notifier.notify,
    async check() {
      try {
        await pool.query('select 1');
      } catch (thrown) {
        throw toDatabaseError(thrown);
      }
    },
    close() {
      // A connection that is checked out and has lost its server would hold the end for ever.
      closed ??= Promise.race([pool.end(), delay(CLOSE_MS, undefined, { ref: false })]);
      return closed;
    },
  };
}

/**
 * Runs `work` between BEGIN and COMMIT on a connection of its own. The connection goes back to the pool in every case, also
 * where BEGIN itself is refused; one whose state is unknown is closed rather than reused.
 * (drizzle's own db.transaction leaks the connection when BEGIN fails: drizzle-orm#6114, #6341.)
 */
export async function runTransaction<T>(pool: pg.Pool, work: (tx: Db) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let unusable: Error | undefined;
  const onError = (error: Error): void => {
    unusable = error;
  };
  // A connection that breaks while it is checked out and idle would otherwise end the process.
  client.on('error', onError);
  try {
    await client.query('begin');
    const result = await work(drizzle(withNamedStatements(client)));
    const { command } = await client.query('commit');
    // The server answers COMMIT of a failed transaction with ROLLBACK, without an error.
    if (command !== 'COMMIT') throw new AppError('internal', 'The transaction was rolled back at its commit.');
    return result;
  } catch (thrown) {
    if (isUnanswered(thrown)) unusable = thrown;
    else await client.query('rollback').catch(onError);
    throw thrown;
  } finally {
    client.off('error', onError);
    client.release(unusable);
  }
}
