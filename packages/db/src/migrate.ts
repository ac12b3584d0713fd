import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import { z } from 'zod';
import type { Database } from './connection/database.ts';
import { sqlState, toDatabaseError } from './connection/database-error.ts';
import { drizzle, migrate } from './drizzle.ts';

const migrationsFolder = join(import.meta.dirname, '../../../migrations');

/** Any number, the same for all versions. Whoever migrates holds this advisory lock. */
const LOCK = 7_311_202_511;
const MISSING_TABLE = '42P01';
const MISSING_SCHEMA = '3F000';
const OLDEST = 150_000;

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) });

export interface MigrationState {
  /** Names of the migrations that the database lacks, oldest first. */
  readonly pending: readonly string[];
  /** True if the database was migrated by a later version than this. */
  readonly newer: boolean;
}

/** Which migrations of this version the database lacks. */
export function migrationState({ pool }: Database): Promise<MigrationState> {
  return readState(pool);
}

async function readState(connection: pg.Pool | pg.Client): Promise<MigrationState> {
  const { entries } = journalSchema.parse(
    JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8')),
  );
  const last = await connection
    .query<{ last: string | null }>('select max(created_at) as last from drizzle.__drizzle_migrations')
    .then(({ rows }) => Number(rows[0]?.last ?? 0))
    .catch((thrown: unknown) => {
      if ([MISSING_TABLE, MISSING_SCHEMA].includes(sqlState(thrown))) return 0;
      throw toDatabaseError(thrown);
    });
  return {
    pending: entries.filter((entry) => entry.when > last).map((entry) => entry.tag),
    newer: last > Math.max(...entries.map((entry) => entry.when)),
  };
}

/**
 * Brings the database to this version's schema; returns what was applied. Several callers at once wait for each other.
 * A database of a later version is not changed: migrations only add, so that old and new versions work side by side.
 */
export async function migrateDatabase({ pool }: Database): Promise<readonly string[]> {
  // A connection of its own, without time limits: a migration may take long, and so may waiting for another process's.
  const client = new pg.Client({ ...pool.options, query_timeout: 0 });
  // If the connection breaks, its statement rejects. Without a listener, the break would also end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await refuseOldServer(client);
    const { pending } = await readState(client);
    if (pending.length > 0) await migrate(drizzle(client), { migrationsFolder });
    return pending;
  } catch (thrown) {
    throw toDatabaseError(thrown);
  } finally {
    // Closing the connection releases the lock, also if something failed.
    await client.end().catch(() => undefined);
  }
}

/** Throws AppError `migration_needed` if the schema is older than this version needs. */
export async function requireMigrated(database: Database): Promise<void> {
  const { pending } = await migrationState(database);
  if (pending.length > 0) {
    throw new AppError('migration_needed', `The database lacks the migrations ${pending.join(', ')}.`, {
      hint: 'Run `qwen-edit migrate` once against this database.',
    });
  }
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
