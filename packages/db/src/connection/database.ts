import { setTimeout as delay } from 'node:timers/promises';
import type { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { createNotifier, QUEUE_CHANNEL } from '../queue/notifier.ts';
import { toCommitError } from './commit-error.ts';
import { readDatabaseUrl } from './connection-url.ts';
import { createConnector } from './connector.ts';
import { toDatabaseError } from './database-error.ts';
import { createDb, type Db } from './db.ts';
import { createPatientPool } from './patient-pool.ts';
import { type ConnectionFacts, createSession } from './session.ts';
import { runTransaction } from './transaction.ts';

export interface DatabaseOptions {
  /** postgres://user:password@host:port/name, with libpq's parameters about TLS; see planTls. May be that of a pooler. */
  readonly url: string;
  /** The server itself, where `url` is a pooler's: for LISTEN and for migrations. */
  readonly directUrl?: string | undefined;
  /** Connections at most; 10 by default. The server may take fewer. */
  readonly max?: number | undefined;
  /** Shown by pg_stat_activity. */
  readonly applicationName?: string;
  /** A statement that takes longer is ended by the server. */
  readonly statementTimeoutMs?: number;
  /** A server that has not answered after this counts as gone. By default 5 s more than a statement may take. */
  readonly answerTimeoutMs?: number;
  /** Opening a connection ends after this. */
  readonly connectTimeoutMs?: number;
  /** Waiting for one of our connections to become free, or for the server to take one more, ends after this. */
  readonly waitMs?: number;
  /** Hears of connections that broke while nobody used them. */
  readonly onError?: (error: AppError) => void;
  /** Hears that the server takes fewer connections than `max`, once until none was refused for a minute. */
  readonly onFull?: () => void;
  /** Hears how long somebody waited for a connection, in seconds: each time, also if none was to be had. */
  readonly onWaited?: (seconds: number) => void;
}

/** Connections that a process has, and how many of its statements and transactions wait for one. */
export interface PoolState {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

/**
 * Access to PostgreSQL. Whatever fails here rejects with an AppError: `database_unavailable` if trying again may help,
 * `database_refused` if somebody has to change something first.
 */
export interface Database {
  /** The connections themselves, for tests. Only their errors are pg's own: see toDatabaseError. */
  readonly pool: pg.Pool;
  readonly db: Db;
  /** As they are now. */
  poolState(): PoolState;
  /** Runs `work` in one transaction: all of it or nothing. Rejects with what `work` threw, if it did. */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  /** What answers at `url`, and what its connections can be used for. Opens one unless that is known. */
  facts(): Promise<ConnectionFacts>;
  /**
   * A connection of its own to `directUrl`, or else to `url`, without limits on time. The caller ends it. `name`: another
   * database of that server.
   */
  openDirect(applicationName: string, name?: string): Promise<pg.Client>;
  /** Wakes receivers of the Postgres queue, soon; see createNotifier. */
  notifyQueue(): void;
  /** Rejects with `database_unavailable` if the server does not answer. */
  check(): Promise<void>;
  /** Waits for the connections that are in use, 5 s at most. Call it when nobody wants another one. */
  close(): Promise<void>;
}

const CLOSE_MS = 5_000;
const DEFAULTS = {
  max: 10,
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  // As long as a statement may take, so that one slow statement does not fail those who wait behind it.
  waitMs: 30_000,
  answerGraceMs: 5_000,
};
/** If the other end of a connection that only listens vanishes without a sign, that is noticed about 10 s after this. */
const KEEP_ALIVE_MS = 10_000;

/**
 * A pool of connections to PostgreSQL 15 or later, or to a pooler before one. Connects on first use. Throws AppError `usage`
 * if a URL cannot be used.
 *
 * @example
 * const database = createDatabase({ url: 'postgres://user:password@localhost/jobs' });
 * const job = await readJob(database.db, { id });
 * await database.close();
 */
export function createDatabase(options: DatabaseOptions): Database {
  const limitMs = options.statementTimeoutMs ?? DEFAULTS.statementTimeoutMs;
  const opening = {
    connectionTimeoutMillis: options.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
  const session = createSession({ limitMs });
  const connector = createConnector({
    url: options.url,
    setting: 'DATABASE_URL',
    startup: { statement_timeout: limitMs, idle_in_transaction_session_timeout: limitMs },
    config: {
      ...opening,
      application_name: options.applicationName ?? 'qwen-edit',
      // A connection whose other side vanished without a sign would keep its statement waiting for hours.
      query_timeout: options.answerTimeoutMs ?? limitMs + DEFAULTS.answerGraceMs,
    },
  });
  const direct =
    options.directUrl === undefined
      ? { url: options.url, setting: 'DATABASE_URL' }
      : { url: options.directUrl, setting: 'DATABASE_DIRECT_URL' };
  // It is used late, and a mistake in it is to end the start.
  readDatabaseUrl(direct.url, direct.setting);
  let waiting = 0;
  const pool = createPatientPool({
    connector,
    max: options.max ?? DEFAULTS.max,
    waitMs: options.waitMs ?? DEFAULTS.waitMs,
    onConnect: async (client) => void (await session.inspect(client)),
    onFull: () => options.onFull?.(),
    onAsk() {
      const asked = performance.now();
      waiting++;
      return () => {
        waiting--;
        options.onWaited?.((performance.now() - asked) / 1000);
      };
    },
  });
  // A connection can break after it was handed out and before its user listens to it, which would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closed: Promise<void> | undefined;
  // Without a listener, a connection that the server ends while it is idle would end the process.
  pool.on('error', (error) => {
    if (closed === undefined) options.onError?.(toDatabaseError(error));
  });

  const notifier = createNotifier(pool, QUEUE_CHANNEL);

  const translated = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      throw toDatabaseError(thrown);
    }
  };
  return {
    pool,
    db: createDb(pool, session, toCommitError),
    poolState: () => ({ used: pool.totalCount - pool.idleCount, idle: pool.idleCount, waiting }),
    transaction: (work) => runTransaction(pool, work, session),
    facts: () =>
      translated(async () => {
        const client = await pool.connect();
        try {
          return await session.inspect(client);
        } finally {
          client.release();
        }
      }),
    openDirect: (applicationName, name) =>
      translated(() =>
        createConnector({
          ...direct,
          ...(name === undefined ? {} : { url: withName(direct.url, name) }),
          config: { ...opening, application_name: applicationName },
        }).open(),
      ),
    notifyQueue: notifier.notify,
    check: () => translated(async () => void (await pool.query('select 1'))),
    close() {
      // A connection that is checked out and has lost its server would hold the end for ever.
      closed ??= Promise.race([pool.end(), delay(CLOSE_MS, undefined, { ref: false })]);
      return closed;
    },
  };
}

function withName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}
