import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import packageJson from '../package.json' with { type: 'json' };
import type { Database } from './connection/database.ts';
import { sqlState, toDatabaseError } from './connection/database-error.ts';
import { listMigrations, type Migration, migrationsFolder, readMigration } from './migration-files.ts';

/** Any number, the same for all versions. Whoever migrates holds this advisory lock. */
export const MIGRATION_LOCK = 7_311_202_511;
const MISSING_TABLE = '42P01';
const MISSING_SCHEMA = '3F000';
const OLDEST = 150_000;

/** What a later version has done to a database. */
export interface LaterSchema {
  /** The newest migration, as `0007_name`, and the version of the program that applied it; undefined where it did not say. */
  readonly tag: string | undefined;
  readonly version: string | undefined;
  /** False if a migration says that this program must not use the database. */
  readonly usable: boolean;
}

export interface MigrationState {
  /** Names of the migrations that the database lacks, oldest first. */
  readonly pending: readonly string[];
  /** The newest migration that this program knows. */
  readonly known: string;
  /** Set if the database was migrated by a later version than this. */
  readonly later: LaterSchema | undefined;
}

/** The version of this program, as it is noted beside each migration that it applies. */
const VERSION: string = packageJson.version;

/** A pool, or one connection of it. */
type Queries = Pick<pg.Pool | pg.Client, 'query'>;

/** Which migrations of this version the database lacks, and which it has that this version does not know. */
export async function migrationState({ pool }: { readonly pool: Queries }): Promise<MigrationState> {
  return readState(pool, await listMigrations());
}

/** A row of the table of migrations. What versions wrote before there was a column is not there. */
interface AppliedRow {
  readonly created_at: number;
  readonly tag?: string | null;
  readonly version?: string | null;
  readonly needs?: number | null;
}

async function readState(connection: Queries, migrations: readonly Migration[]): Promise<MigrationState> {
  const applied = await connection
    .query<{ row: AppliedRow }>('select to_jsonb(m) as row from drizzle.__drizzle_migrations m order by created_at')
    .then(({ rows }) => rows.map(({ row }) => row))
    .catch((thrown: unknown) => {
      if ([MISSING_TABLE, MISSING_SCHEMA].includes(sqlState(thrown))) return [];
      throw toDatabaseError(thrown);
    });
  const newest = migrations.at(-1);
  const knownUntil = newest?.when ?? 0;
  const later = applied.filter((row) => row.created_at > knownUntil);
  const last = later.at(-1);
  return {
    pending: migrations.filter(({ when }) => !applied.some((row) => row.created_at === when)).map(({ tag }) => tag),
    known: newest?.tag ?? '',
    later:
      last === undefined
        ? undefined
        : {
            tag: last.tag ?? undefined,
            version: last.version ?? undefined,
            usable: later.every((row) => (row.needs ?? 0) <= knownUntil),
          },
  };
}

/**
 * Brings the database to this version's schema; returns what was applied. Several callers at once wait for each other. A
 * database of a later version is not changed. All of it is one transaction, whose lock ends with it: that holds behind a
 * pooler too. `until` names the last migration to apply, for who restores rows of that schema.
 */
export async function migrateDatabase(
  database: Database,
  folder = migrationsFolder,
  until?: string,
): Promise<readonly string[]> {
  const all = await listMigrations(folder);
  const migrations = until === undefined ? all : all.slice(0, all.findIndex(({ tag }) => tag === until) + 1);
  // A connection of its own, without time limits: a migration may take long, and so may waiting for another process's.
  const client = await database.openDirect('qwen-edit migrate');
  try {
    await client.query('begin; set local statement_timeout = 0; set local lock_timeout = 0');
    await client.query('set local idle_in_transaction_session_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await refuseOldServer(client);
    await client.query('savepoint unread');
    const { pending } = await readState(client, migrations);
    // A table that is missing has failed the transaction so far.
    await client.query('rollback to savepoint unread');
    if (pending.length > 0) {
      await client.query(TABLE);
      for (const migration of migrations.filter(({ tag }) => pending.includes(tag))) {
        const { statements, hash, needs } = await readMigration(migration, migrations, folder);
        for (const statement of statements) await client.query(statement);
        await client.query(NOTE, [hash, migration.when, migration.tag, VERSION, needs ?? null]);
      }
    }
    await client.query('commit');
    return pending;
  } catch (thrown) {
    throw toDatabaseError(thrown);
  } finally {
    // Closing the connection rolls back and releases the lock if something failed.
    await client.end().catch(() => undefined);
  }
}

/** The table is drizzle's, with columns that tell older programs what was done. */
const TABLE = `
  create schema if not exists drizzle;
  create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
  alter table drizzle.__drizzle_migrations add column if not exists tag text, add column if not exists version text,
    add column if not exists needs bigint`;
const NOTE =
  'insert into drizzle.__drizzle_migrations (hash, created_at, tag, version, needs) values ($1, $2, $3, $4, $5)';

/**
 * Throws AppError `migration_needed` if this version cannot use the database: its schema is older than this version needs, or
 * a later version has made it one that this version must not use.
 */
export async function requireMigrated(database: Database): Promise<MigrationState> {
  const state = await migrationState(database);
  if (state.later !== undefined && !state.later.usable) {
    throw new AppError('migration_needed', `${laterSchemaText(state)} It must not be used by this one.`, {
      hint: `Run version ${state.later.version ?? 'of that migration'} or a later one against this database.`,
    });
  }
  if (state.pending.length > 0) {
    throw new AppError('migration_needed', `The database lacks the migrations ${state.pending.join(', ')}.`, {
      hint: 'Run `qwen-edit migrate` once against this database.',
    });
  }
  return state;
}

/** Says which version a later schema is of. */
export function laterSchemaText({ known, later }: MigrationState): string {
  const by = later?.version === undefined ? 'a later version' : `version ${later.version}`;
  const to = later?.tag === undefined ? '' : ` to ${later.tag}`;
  return `The database was migrated${to} by ${by}; this is version ${VERSION}, which knows ${known}.`;
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    "select current_setting('server_version_num')::int as version",
  );
  const version = rows[0]?.version ?? 0;
  if (version < OLDEST) {
    throw new AppError('migration_needed', `The server is PostgreSQL ${Math.floor(version / 10_000)}.`, {
      hint: 'Use PostgreSQL 15 or later.',
    });
  }
}
