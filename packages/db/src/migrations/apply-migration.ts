import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { sqlState, toDatabaseError } from '../connection/database-error.ts';
import { refuseForeign, refuseUnfit } from './fit-database.ts';
import { type Blocker, readHolders, watchLocks } from './lock-watch.ts';
import type { MigrateEvent } from './migrate.ts';
import { listMigrations, type Migration, type MigrationContent, readMigration } from './migration-files.ts';
import { DB_VERSION, type MigrationState, readMigrationState } from './migration-state.ts';
import { refuseIncomplete } from './schema-objects.ts';

export interface ApplyContext {
  readonly client: pg.Client;
  readonly pool: pg.Pool;
  readonly folder: string;
  /** The last migration to apply; undefined for the newest. */
  readonly until: string | undefined;
  readonly lockTimeoutMs: number;
  /** How much longer this migration may be tried. */
  readonly leftMs: () => number;
  readonly shared: boolean;
  /** The advisory lock of whoever migrates. */
  readonly lock: number;
  readonly onEvent: (event: MigrateEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/** What became of one try. */
export type StepOutcome =
  | { readonly kind: 'up_to_date' }
  | { readonly kind: 'applied'; readonly migration: string; readonly ms: number }
  | { readonly kind: 'blocked'; readonly migration: string | undefined; readonly blockers: readonly Blocker[] };
export interface OutsideTransaction {
  readonly kind: 'outside_transaction';
  readonly migration: Migration;
  readonly content: MigrationContent;
}

/** SQLSTATE of a lock that was not had in time, and of one that would never have been. */
const NO_LOCK: readonly string[] = ['55P03', '40P01'];
export const lacksLock = (thrown: unknown): boolean => NO_LOCK.includes(sqlState(thrown));

/** The oldest migration that the database lacks, in one transaction: all of it, with its note, or nothing. */
export async function applyInTransaction(context: ApplyContext): Promise<StepOutcome | OutsideTransaction> {
  const { client, folder, lock, lockTimeoutMs } = context;
  const started = performance.now();
  await client.query(`begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
    set local lock_timeout = ${Math.max(1, Math.round(lockTimeoutMs))}`);
  const { rows } = await client.query<{ mine: boolean; pid: number }>(
    'select pg_try_advisory_xact_lock($1) as mine, pg_backend_pid() as pid',
    [lock],
  );
  if (rows[0]?.mine !== true) {
    const blockers = await readHolders(client, lock);
    await client.query('rollback');
    return { kind: 'blocked', migration: undefined, blockers };
  }
  let migration: Migration | undefined;
  const watch = watchStatements(context, rows[0].pid);
  try {
    const state = await readState(context);
    migration = await nextOf(state, context);
    if (migration === undefined) {
      await client.query('rollback');
      return { kind: 'up_to_date' };
    }
    if (state.applied.length === 0) await refuseForeign(client, folder, context.shared);
    else await refuseIncomplete(client, state, folder);
    const content = await readMigration(migration, await listMigrations(folder), folder);
    if (content.concurrently) {
      await client.query('rollback');
      return { kind: 'outside_transaction', migration, content };
    }
    for (const [n, statement] of content.statements.entries()) {
      watch.at(migration.tag, n + 1, content.statements.length);
      await client.query(statement);
    }
    await noteMigration(client, migration, content);
    await client.query('commit');
    return { kind: 'applied', migration: migration.tag, ms: Math.round(performance.now() - started) };
  } catch (thrown) {
    await client.query('rollback').catch(() => undefined);
    if (!lacksLock(thrown)) throw migrationFailure(migration?.tag, watch.statement(), thrown);
    return { kind: 'blocked', migration: migration?.tag ?? 'of the next version', blockers: watch.blockers() };
  } finally {
    await watch.stop();
  }
}

async function readState({ client, folder }: ApplyContext): Promise<MigrationState> {
  await refuseUnfit(client);
  await client.query('savepoint unread');
  const state = await readMigrationState(client, folder);
  // A table that is missing has failed the transaction so far.
  await client.query('rollback to savepoint unread');
  return state;
}

async function nextOf(
  { pending }: MigrationState,
  { folder, until }: Pick<ApplyContext, 'folder' | 'until'>,
): Promise<Migration | undefined> {
  const all = await listMigrations(folder);
  const wanted = until === undefined ? all : all.slice(0, all.findIndex(({ tag }) => tag === until) + 1);
  return wanted.find(({ tag }) => tag === pending[0]);
}

/** What somebody can do something with, and else which statement it was. */
export function migrationFailure(tag: string | undefined, statement: number, thrown: unknown): AppError {
  const error = toDatabaseError(thrown);
  if (tag === undefined || thrown instanceof AppError || error.code !== 'internal') return error;
  return new AppError('internal', `Statement ${statement} of the migration ${tag} failed: ${error.message}`, {
    hint: 'The migration was not applied. Report this error with its details.',
    cause: thrown,
  });
}

/** The table is drizzle's, with columns that tell older programs what was done. */
const TABLE = `
  create schema if not exists drizzle;
  create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
  alter table drizzle.__drizzle_migrations add column if not exists tag text, add column if not exists version text,
    add column if not exists needs bigint`;
const COLUMNS = `select from pg_attribute where attrelid = to_regclass('drizzle.__drizzle_migrations') and not attisdropped
  and attname in ('tag', 'version', 'needs')`;
const NOTE =
  'insert into drizzle.__drizzle_migrations (hash, created_at, tag, version, needs) values ($1, $2, $3, $4, $5)';

/** Notes that a migration is applied. */
export async function noteMigration(
  client: Pick<pg.Client, 'query'>,
  { when, tag }: Migration,
  { hash, needs }: MigrationContent,
): Promise<void> {
  // Every process reads the table; it is not locked without need.
  const { rowCount } = await client.query(COLUMNS);
  if (rowCount !== 3) await client.query(TABLE);
  await client.query(NOTE, [hash, when, tag, DB_VERSION, needs ?? null]);
}

export interface StatementWatch {
  /** From now on this statement runs. */
  at(tag: string, statement: number, statements: number): void;
  statement(): number;
  blockers(): readonly Blocker[];
  stop(): Promise<void>;
}

const RUNNING_MS = 5_000;
const LOOK_MS = 250;

/**
 * Tells how far statements are that take long, keeps who is in the way, and cancels the statement if the signal aborts.
 * `waiting`: they may wait for long without harm, and who they wait for is told meanwhile.
 */
export function watchStatements(
  { pool, lockTimeoutMs, leftMs, onEvent, signal }: ApplyContext,
  pid: number,
  waiting = false,
): StatementWatch {
  let place: { readonly migration: string; readonly statement: number; readonly statements: number } | undefined;
  let began = performance.now();
  let reported = began;
  let told = '';
  const cancel = (): void => void pool.query('select pg_cancel_backend($1)', [pid]).catch(() => undefined);
  signal?.addEventListener('abort', cancel);
  const watch = watchLocks({
    pool,
    pid,
    everyMs: Math.min(LOOK_MS, lockTimeoutMs / 4),
    onLook(blockers, progress) {
      const now = performance.now();
      if (place === undefined) return;
      const names = blockers.map((each) => each.pid).join();
      if (waiting && names !== '' && names !== told) {
        told = names;
        onEvent({ kind: 'blocked', migration: place.migration, blockers, leftMs: leftMs() });
      }
      if (now - reported < RUNNING_MS || blockers.length > 0) return;
      reported = now;
      onEvent({ kind: 'running', ...place, seconds: Math.round((now - began) / 1000), progress });
    },
  });
  return {
    at(migration, statement, statements) {
      place = { migration, statement, statements };
      began = performance.now();
      reported = began;
    },
    statement: () => place?.statement ?? 0,
    blockers: () => watch.blockers,
    async stop() {
      signal?.removeEventListener('abort', cancel);
      await watch.stop();
    },
  };
}
