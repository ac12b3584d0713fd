import { setTimeout as delay } from 'node:timers/promises';
import type { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import { createNotifier, QUEUE_CHANNEL } from '../queue/notifier.ts';
import { toCommitError } from './commit-error.ts';
import { toDatabaseError } from './database-error.ts';
import { createDb, type Db } from './db.ts';
import { runTransaction } from './transaction.ts';

export interface DatabaseOptions {
  /** postgres://user:password@host:port/name */
  readonly url: string;
  /** Connections at most. */
  readonly max?: number;
  /** Shown by pg_stat_activity. */
  readonly applicationName?: string;
  /** A statement that takes longer is ended by the server. */
  readonly statementTimeoutMs?: number;
  /** A server that has not answered after this counts as gone. By default 5 s more than a statement may take. */
  readonly answerTimeoutMs?: number;
  /** Waiting for a free connection, or for a new one, ends after this. */
  readonly connectTimeoutMs?: number;
  /** Hears of connections that broke while nobody used them. */
  readonly onError?: (error: AppError) => void;
}

/** Access to PostgreSQL. Whatever fails here rejects with an AppError: `database_unavailable` if trying again may help. */
export interface Database {
  /** The connections themselves, for tests and for LISTEN. Only their errors are pg's own: see toDatabaseError. */
  readonly pool: pg.Pool;
  readonly db: Db;
  /** Runs `work` in one transaction: all of it or nothing. Rejects with what `work` threw, if it did. */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** Wakes receivers of the Postgres queue, soon; see createNotifier. */
  notifyQueue(): void;
  /** Rejects with `database_unavailable` if the server does not answer. */
  check(): Promise<void>;
  /** Waits for the connections that are in use, 5 s at most. Call it when nobody wants another one. */
  close(): Promise<void>;
}

const CLOSE_MS = 5_000;
const DEFAULTS = { max: 10, statementTimeoutMs: 30_000, connectTimeoutMs: 10_000, answerGraceMs: 5_000 };

/**
 * A pool of connections to PostgreSQL 15 or later. Connects on first use.
 *
 * @example
 * const database = createDatabase({ url: 'postgres://user:password@localhost/jobs' });
 * const job = await readJob(database.db, { id });
 * await database.close();
 */
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
  // A connection can break after it was handed out and before its user listens to it, which would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closed: Promise<void> | undefined;
  // Without a listener, a connection that the server ends while it is idle would end the process.
  pool.on('error', (error) => {
    if (closed === undefined) options.onError?.(toDatabaseError(error));
  });

  const notifier = createNotifier(pool, QUEUE_CHANNEL);

  return {
    pool,
    db: createDb(pool, toCommitError),
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
