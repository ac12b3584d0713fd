import { createBackoff, pause } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import type { Database } from '../connection/database.ts';
import { toDatabaseError } from '../connection/database-error.ts';
import { type ApplyContext, applyInTransaction, type StepOutcome } from './apply-migration.ts';
import { buildConcurrently } from './build-concurrently.ts';
import { type Blocker, blockerText, readHolders, type StatementProgress } from './lock-watch.ts';
import { migrationsFolder } from './migration-files.ts';

/** What `migrateDatabase` tells while it works. */
export type MigrateEvent =
  /** Somebody holds what the migration needs; without a migration, another caller is at work. */
  | {
      readonly kind: 'blocked';
      readonly migration: string | undefined;
      readonly blockers: readonly Blocker[];
      /** How much longer it goes on trying. */
      readonly leftMs: number;
    }
  /** A statement that takes long. */
  | {
      readonly kind: 'running';
      readonly migration: string;
      /** Counted from 1. */
      readonly statement: number;
      readonly statements: number;
      readonly seconds: number;
      readonly progress: StatementProgress | undefined;
    }
  /** An index that a killed run has left unfinished is dropped and built again. */
  | { readonly kind: 'unfinished_index'; readonly migration: string; readonly index: string }
  | { readonly kind: 'applied'; readonly migration: string; readonly ms: number };

export interface MigrateOptions {
  /** Where the migrations lie; by default this program's. */
  readonly folder?: string;
  /** A lock that is not had after this is given up, so that nobody queues behind the wait for longer. 2 s by default. */
  readonly lockTimeoutMs?: number;
  /** How long each migration is tried in all; 10 minutes by default. */
  readonly waitMs?: number;
  /** The last migration to apply, for who restores rows of that schema; by default the newest. */
  readonly until?: string;
  /** Applies migrations beside the tables of another program. */
  readonly shared?: boolean;
  readonly onEvent?: (event: MigrateEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Any number, the same for all versions. Whoever migrates holds this advisory lock. */
export const MIGRATE_LOCK = 7_311_202_511;
const DEFAULTS = { lockTimeoutMs: 2_000, waitMs: 600_000 };
const LOCK_BACKOFF = { firstMs: 500, maxMs: 5_000 };
const TURN_BACKOFF = { firstMs: 50, maxMs: 1_000 };
const REPORT_MS = 10_000;
/** A server whose client is gone gives a statement up after this. */
const CLIENT_CHECK = "set client_connection_check_interval = '2s'";

/**
 * Brings the database to this version's schema; returns what this call applied. A database of a later version is not changed.
 *
 * Each migration is a transaction of its own, so that a kill at any moment leaves whole migrations, and the next call goes on.
 * Several callers wait for each other: by a lock of the session, and behind a pooler by one of each transaction. No lock on a
 * table is waited for longer than `lockTimeoutMs`; then the transaction is rolled back, and tried again after a pause.
 *
 * Errors: `database_unavailable` if the locks were not had within `waitMs`, `migration_needed` if the database is another
 * program's or incomplete, `database_refused` if the server or the user takes no changes, `canceled`.
 */
export async function migrateDatabase(database: Database, options: MigrateOptions = {}): Promise<readonly string[]> {
  const client = await database.openDirect('qwen-edit migrate');
  try {
    return await migrateOn(client, database, options);
  } catch (thrown) {
    if (options.signal?.aborted === true) {
      throw new AppError('canceled', 'The migration was cancelled; what was applied before stays.', { cause: thrown });
    }
    throw toDatabaseError(thrown);
  } finally {
    // Closing the connection rolls back and releases the locks if something failed.
    await client.end().catch(() => undefined);
  }
}

async function migrateOn(client: pg.Client, database: Database, options: MigrateOptions): Promise<readonly string[]> {
  const { onEvent = () => undefined, signal } = options;
  const waitMs = options.waitMs ?? DEFAULTS.waitMs;
  const wholeSession = await isWholeSession(client);
  let lastReport: number | undefined;
  let patience = createPatience(waitMs, signal);

  /** Waits before the next try. Throws if the time is over. */
  async function waitFor({ migration, blockers }: StepOutcome & { kind: 'blocked' }): Promise<void> {
    const leftMs = patience.leftMs();
    const isNews = migration !== undefined || lastReport === undefined || performance.now() - lastReport >= REPORT_MS;
    if (isNews || leftMs <= 0) {
      lastReport = performance.now();
      onEvent({ kind: 'blocked', migration, blockers, leftMs });
    }
    if (leftMs <= 0) throw gaveUp(migration, blockers, waitMs);
    await patience.pause(migration === undefined ? TURN_BACKOFF : LOCK_BACKOFF);
  }

  if (wholeSession) {
    // Not every system can.
    await client.query(CLIENT_CHECK).catch(() => undefined);
    await client.query('set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0');
    while (!(await takeLock(client))) {
      await waitFor({ kind: 'blocked', migration: undefined, blockers: await readHolders(client, MIGRATE_LOCK) });
    }
  }
  const context: ApplyContext = {
    client,
    pool: database.pool,
    folder: options.folder ?? migrationsFolder,
    until: options.until,
    lockTimeoutMs: options.lockTimeoutMs ?? DEFAULTS.lockTimeoutMs,
    leftMs: () => patience.leftMs(),
    shared: options.shared ?? false,
    lock: MIGRATE_LOCK,
    onEvent,
    signal,
  };
  const applied: string[] = [];
  patience = createPatience(waitMs, signal);
  for (;;) {
    signal?.throwIfAborted();
    let outcome = await applyInTransaction(context);
    if (outcome.kind === 'outside_transaction') {
      if (!wholeSession) throw needsSession(outcome.migration.tag);
      outcome = await buildConcurrently(context, outcome);
    }
    if (outcome.kind === 'up_to_date') return applied;
    if (outcome.kind === 'blocked') await waitFor(outcome);
    else {
      applied.push(outcome.migration);
      onEvent(outcome);
      patience = createPatience(waitMs, signal);
    }
  }
}

async function takeLock(client: pg.Client): Promise<boolean> {
  // Whoever waited inside of a statement would be waited for by CREATE INDEX CONCURRENTLY.
  const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_lock($1) as mine', [MIGRATE_LOCK]);
  return rows[0]?.mine === true;
}

/** False behind a pooler, which gives the server's connection to others between transactions. */
async function isWholeSession(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return 'processID' in client && client.processID === rows[0]?.pid;
}

interface Patience {
  leftMs(): number;
  pause(backoff: { readonly firstMs: number; readonly maxMs: number }): Promise<void>;
}

function createPatience(waitMs: number, signal: AbortSignal | undefined): Patience {
  const end = performance.now() + waitMs;
  let failures = 0;
  const leftMs = (): number => Math.max(0, Math.round(end - performance.now()));
  return {
    leftMs,
    async pause(backoff) {
      await pause(Math.min(leftMs(), createBackoff(backoff)(++failures)), signal);
    },
  };
}

function gaveUp(migration: string | undefined, blockers: readonly Blocker[], waitMs: number): AppError {
  const who = blockers.length === 0 ? '' : `: ${blockers.map(blockerText).join(', ')}`;
  const seconds = Math.round(waitMs / 1000);
  return migration === undefined
    ? new AppError('database_unavailable', `Another \`qwen-edit migrate\` has not ended within ${seconds} s${who}.`, {
        hint: 'Let it end, or end it. Then run this again.',
      })
    : new AppError(
        'database_unavailable',
        `The migration ${migration} did not get its locks within ${seconds} s${who}. It is not applied.`,
        {
          hint: 'Run it again when what holds the locks has ended, end that by pg_terminate_backend, or raise --wait.',
        },
      );
}

const needsSession = (tag: string): AppError =>
  new AppError(
    'database_refused',
    `The migration ${tag} builds indexes outside of a transaction, which cannot be done through a pooler.`,
    { hint: 'Set DATABASE_DIRECT_URL to the server itself.' },
  );
