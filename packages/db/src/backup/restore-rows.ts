import { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import type { Database } from '../connection/database.ts';
import { toDatabaseError } from '../connection/database-error.ts';
import { migrateDatabase } from '../migrations/migrate.ts';
import { listMigrations } from '../migrations/migration-files.ts';
import { migrationState } from '../migrations/migration-state.ts';
import { type BackupTable, newestKnownMigration, readTables } from './backup-tables.ts';

/** Rows on their way into an empty database, all in one transaction: nobody sees any of them before `commit`. */
export interface RowsRestore {
  /** Adds rows as `DatabaseSnapshot.rowsOf` gave them. The tables come in the order of the snapshot. */
  insert(table: BackupTable, rows: readonly string[]): Promise<void>;
  /** The media type of the picture with this key, of the rows so far. */
  mediaTypeOf(key: string): Promise<string | undefined>;
  /** Makes everything visible at once, then applies the migrations that are newer than the rows. */
  commit(): Promise<void>;
  /** Leaves the database as it was. */
  cancel(): Promise<void>;
}

/** What a service holds that would be lost, or mixed with what is restored. */
const KEPT = ['jobs', 'assets', 'api_keys'];

/**
 * Begins to restore a backup of this schema. The database has no tables yet, or those of a schema no newer than the backup's; and no
 * jobs, pictures or keys, which is AppError `data_dir_not_empty`. Rows of other tables, as an idle service leaves them, are removed.
 */
export async function beginRestore(database: Database, schema: string): Promise<RowsRestore> {
  await migrateTo(database, schema);
  const client = await database.openDirect('qwen-edit restore');
  try {
    await client.query('begin');
    await client.query("set local timezone = 'UTC'; set local datestyle = 'ISO'");
    await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    const tables = await readTables(client);
    await refuseService(client);
    await empty(client, tables);
    return {
      insert: (table, rows) => translated(() => insert(client, tables, table, rows)),
      mediaTypeOf: (key) =>
        translated(async () => {
          const found = await client.query<{ type: string }>('select media_type as type from assets where key = $1', [
            key,
          ]);
          return found.rows[0]?.type;
        }),
      commit: () =>
        translated(async () => {
          await raiseIdentities(client, tables);
          await client.query('commit');
          await client.end();
          await migrateDatabase(database);
        }),
      // The end of the connection rolls back.
      cancel: () => client.end().catch(() => undefined),
    };
  } catch (thrown) {
    await client.end().catch(() => undefined);
    throw toDatabaseError(thrown);
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw toDatabaseError(thrown);
  }
}

/** Later migrations change rows too, so that rows have to be there before them. */
async function migrateTo(database: Database, schema: string): Promise<void> {
  const state = await migrationState(database);
  const tags = (await listMigrations()).map(({ tag }) => tag);
  const has =
    tags.length === state.pending.length && state.later === undefined ? '' : await newestKnownMigration(state);
  if (tags.indexOf(has) > tags.indexOf(schema)) {
    throw new AppError(
      'data_dir_not_empty',
      `The database has the schema ${has}, which is newer than the backup's ${schema}.`,
      {
        hint: 'Restore into a database without tables: `qwen-edit migrate` is not to be run before.',
      },
    );
  }
  await migrateDatabase(database, { until: schema });
}

async function refuseService(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select application_name as name from pg_stat_activity
     where datname = current_database() and application_name ~ '^qwen-edit (serve|api|worker|dispatcher|queue)$' limit 1`,
  );
  if (rows[0] === undefined) return;
  throw new AppError('data_dir_locked', `A service uses the database (${rows[0].name}).`, {
    hint: 'Stop every role; start them again after the restore.',
  });
}

async function empty(client: pg.Client, tables: readonly BackupTable[]): Promise<void> {
  for (const name of KEPT) {
    const { rowCount } = await client.query(`select from ${pg.escapeIdentifier(name)} limit 1`);
    if (rowCount === 0) continue;
    throw new AppError('data_dir_not_empty', `The database is in use: its table ${name} has rows.`, {
      hint: 'Restore into a new database. A restore never replaces what is there.',
    });
  }
  for (const { name } of tables.toReversed()) await client.query(`delete from ${pg.escapeIdentifier(name)}`);
}

async function insert(
  client: pg.Client,
  known: readonly BackupTable[],
  { name, columns }: BackupTable,
  rows: readonly string[],
): Promise<void> {
  const table = known.find((each) => each.name === name);
  const unknown = columns.find((column) => table?.columns.includes(column) !== true);
  if (table === undefined || unknown !== undefined) {
    throw new AppError(
      'backup_damaged',
      `The backup has a ${table === undefined ? 'table' : 'column'} that its schema does not have.`,
    );
  }
  const into = pg.escapeIdentifier(name);
  const list = columns.map((column) => pg.escapeIdentifier(column)).join(', ');
  await client.query(
    `insert into ${into} (${list}) overriding system value
     select ${list} from json_populate_recordset(null::${into}, $1::json)`,
    [`[${rows.join(',')}]`],
  );
}

/** Numbers that the database gives out go on after those of the rows. */
async function raiseIdentities(client: pg.Client, tables: readonly BackupTable[]): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string }>(
    `select c.relname as table, a.attname as column from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = current_schema()::regnamespace and a.attidentity <> '' and c.relname = any ($1)`,
    [tables.map(({ name }) => name)],
  );
  for (const { table, column } of rows) {
    const [from, of] = [pg.escapeIdentifier(table), pg.escapeIdentifier(column)];
    await client.query(
      `select setval(pg_get_serial_sequence($1, $2), (select coalesce(max(${of}), 0) + 1 from ${from}), false)`,
      [from, column],
    );
  }
}
