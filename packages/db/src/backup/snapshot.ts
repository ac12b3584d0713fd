import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import type { Database } from '../connection/database.ts';
import { toDatabaseError } from '../connection/database-error.ts';
import { MIGRATE_LOCK } from '../migrations/migrate.ts';
import { type MigrationState, migrationState } from '../migrations/migration-state.ts';
import { type BackupTable, newestKnownMigration, readTables } from './backup-tables.ts';

/** Every row of a database, as it was at one moment. */
export interface DatabaseSnapshot {
  /** The newest migration that the database had. */
  readonly schema: string;
  readonly serverVersion: string;
  /** A table comes after those that its foreign keys name. */
  readonly tables: readonly BackupTable[];
  /** Of all tables, without indexes. */
  readonly tableBytes: number;
  /** Of all pictures that the rows name. */
  readonly objectBytes: number;
  /** The rows of a table, some hundred at a time, each as JSON text without line breaks. */
  rowsOf(table: BackupTable): AsyncIterable<readonly string[]>;
  /** The rows of the assets, in the order of the bytes of their keys, which is that of a listing of the storage. */
  assetsByKey(): AsyncIterable<readonly AssetOfKey[]>;
  /** Ends the snapshot, which keeps the server from removing old versions of rows. */
  close(): Promise<void>;
}

/** What a row says of an object. */
export interface AssetOfKey {
  readonly key: string;
  readonly kind: 'input' | 'output' | 'upload';
  /** null for an upload. */
  readonly bytes: number | null;
}

const ROWS_AT_ONCE = 500;
const MIGRATION_POLL_MS = 200;

/**
 * Opens a snapshot of all tables, for reading only: what others commit from now on is not in it, and nobody waits for it, except who
 * wants to migrate. Throws AppError `migration_needed` if this version does not know the schema; `canceled` if the signal aborts.
 *
 * @example
 * const snapshot = await openSnapshot(database, { signal });
 * for (const table of snapshot.tables) for await (const rows of snapshot.rowsOf(table)) await write(rows);
 * await snapshot.close();
 */
export async function openSnapshot(
  database: Database,
  { signal }: { readonly signal: AbortSignal },
): Promise<DatabaseSnapshot> {
  const client = await database.openDirect('qwen-edit backup');
  try {
    const state = await beginBetweenMigrations(client, database, signal);
    const schema = await newestKnownMigration(state);
    const tables = await readTables(client);
    const facts = await readFacts(client, tables);
    return {
      schema,
      tables,
      ...facts,
      rowsOf: (table) =>
        readAll<string>(client, `select row_to_json(t)::text from ${pg.escapeIdentifier(table.name)} t`),
      assetsByKey: () => readAll<AssetOfKey>(client, ASSETS_BY_KEY),
      close: () => client.end(),
    };
  } catch (thrown) {
    await client.end().catch(() => undefined);
    throw toDatabaseError(thrown);
  }
}

/**
 * Begins the transaction while no migration is under way; one that comes later waits until it ends. The first statement takes the
 * snapshot and the lock, in this order. A migration that has ended between the two shows when another connection looks.
 */
async function beginBetweenMigrations(
  client: pg.Client,
  { pool }: Database,
  signal: AbortSignal,
): Promise<MigrationState> {
  for (;;) {
    await client.query('begin isolation level repeatable read, read only');
    await client.query("set local timezone = 'UTC'; set local datestyle = 'ISO'");
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_xact_lock_shared($1) as locked', [
      MIGRATE_LOCK,
    ]);
    if (rows[0]?.locked === true) {
      const [mine, latest] = [await migrationState({ pool: client }), await migrationState({ pool })];
      if (mine.pending.length === latest.pending.length && mine.later?.tag === latest.later?.tag) return mine;
    }
    await client.query('rollback');
    await delay(MIGRATION_POLL_MS);
    if (signal.aborted) throw new AppError('canceled', 'The backup was cancelled.');
  }
}

async function readFacts(client: pg.Client, tables: readonly BackupTable[]) {
  const { rows } = await client.query<{ version: string; tables: string; objects: string }>(
    `select current_setting('server_version') as version,
       (select coalesce(sum(pg_table_size(quote_ident(name)::regclass)), 0) from unnest($1::text[]) as name) as tables,
       (select coalesce(sum(bytes), 0) from assets) as objects`,
    [tables.map(({ name }) => name)],
  );
  const [found] = rows;
  return {
    serverVersion: found?.version ?? '',
    tableBytes: Number(found?.tables ?? 0),
    objectBytes: Number(found?.objects ?? 0),
  };
}

const ASSETS_BY_KEY = `select json_build_object('key', key, 'kind', kind, 'bytes', bytes) from assets order by key collate "C"`;

/** Reads a query of one column through a cursor, so that no more than some hundred rows are in memory. */
async function* readAll<T>(client: pg.Client, query: string): AsyncGenerator<readonly T[]> {
  try {
    await client.query(`declare backup no scroll cursor for ${query}`);
    for (;;) {
      const { rows } = await client.query<[T]>({ text: `fetch ${ROWS_AT_ONCE} from backup`, rowMode: 'array' });
      if (rows.length === 0) break;
      yield rows.map(([row]) => row);
    }
    await client.query('close backup');
  } catch (thrown) {
    throw toDatabaseError(thrown);
  }
}
