import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { z } from 'zod';
import { toDatabaseError } from '../connection/database-error.ts';
import { migrationsFolder } from './migration-files.ts';
import type { MigrationState } from './migration-state.ts';

const named = z.record(z.string(), z.object({ name: z.string() }));
/** What drizzle-kit notes of the schema beside each migration. */
const snapshotSchema = z.object({
  tables: z.record(
    z.string(),
    z.object({
      name: z.string(),
      columns: z.record(z.string(), z.object({ name: z.string(), primaryKey: z.boolean() })),
      indexes: z.record(z.string(), z.object({ name: z.string(), isUnique: z.boolean() })),
      foreignKeys: named,
      compositePrimaryKeys: named,
      uniqueConstraints: named,
      checkConstraints: named,
    }),
  ),
});

/** One thing that has to be there, as `table jobs`. Indexes that only make queries fast are not among them. */
interface SchemaObject {
  readonly kind: 'table' | 'column' | 'constraint' | 'index';
  readonly name: string;
  readonly table: string;
}

const known = new Map<string, Promise<readonly SchemaObject[] | undefined>>();

/** All that the migrations up to this one have made. undefined if nothing was noted beside it. */
function objectsAfter(tag: string, folder: string): Promise<readonly SchemaObject[] | undefined> {
  const path = join(folder, 'meta', `${tag.split('_')[0]}_snapshot.json`);
  const found = known.get(path) ?? readObjects(path);
  known.set(path, found);
  return found;
}

async function readObjects(path: string): Promise<readonly SchemaObject[] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  return Object.values(snapshotSchema.parse(JSON.parse(text)).tables).flatMap((table): SchemaObject[] => {
    const of = (kind: SchemaObject['kind'], names: readonly string[]): SchemaObject[] =>
      names.map((name) => ({ kind, name, table: table.name }));
    const columns = Object.values(table.columns);
    const constraints = [
      table.foreignKeys,
      table.compositePrimaryKeys,
      table.uniqueConstraints,
      table.checkConstraints,
    ].flatMap((each) => Object.values(each).map(({ name }) => name));
    return [
      { kind: 'table', name: table.name, table: table.name },
      ...of(
        'column',
        columns.map(({ name }) => `${table.name}.${name}`),
      ),
      // PostgreSQL shortens names to 63 bytes.
      ...of(
        'constraint',
        constraints.map((name) => name.slice(0, 63)),
      ),
      ...of('constraint', columns.some(({ primaryKey }) => primaryKey) ? [`${table.name}_pkey`] : []),
      ...of(
        'index',
        Object.values(table.indexes).flatMap(({ name, isUnique }) => (isUnique ? [name] : [])),
      ),
    ];
  });
}

/** Names of the tables that this program makes. */
export async function tableNames(tag: string, folder = migrationsFolder): Promise<readonly string[]> {
  return ((await objectsAfter(tag, folder)) ?? []).flatMap(({ kind, name }) => (kind === 'table' ? [name] : []));
}

const SHOWN = 5;

/**
 * Throws AppError `migration_needed` if something is missing that the applied migrations have made, as after a restore that
 * ended early. Of a database that a later version has migrated nobody here knows what has to be there.
 */
export async function refuseIncomplete(
  connection: Pick<pg.Pool | pg.Client, 'query'>,
  { applied, pending, later }: MigrationState,
  folder = migrationsFolder,
): Promise<void> {
  const newest = applied.at(-1);
  // One that is missing in the middle has not made what its successor's notes contain.
  if (newest === undefined || later !== undefined || pending.some((tag) => tag < newest)) return;
  const wanted = await objectsAfter(newest, folder);
  if (wanted === undefined) return;
  const { rows } = await connection.query<{ kind: string; name: string; visible: boolean }>(PRESENT).catch((thrown) => {
    throw toDatabaseError(thrown);
  });
  const present = new Set(rows.map(({ kind, name }) => `${kind} ${name}`));
  const tables = new Set(wanted.flatMap(({ kind, name }) => (kind === 'table' ? [name] : [])));
  const missing = wanted.filter(({ kind, name, table }) =>
    // Of a table that is missing as a whole its parts are not listed.
    present.has(`${kind} ${name}`) ? false : kind === 'table' || present.has(`table ${table}`),
  );
  if (missing.length > 0) {
    const names = missing.slice(0, SHOWN).map(({ kind, name }) => `${kind} ${name}`);
    const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
    throw new AppError(
      'migration_needed',
      `The database notes its migrations up to ${newest}, and lacks what they made: ${names.join(', ')}${more}.`,
      {
        hint: 'It was restored in part, or somebody has removed them. Restore the whole backup into an empty database.',
      },
    );
  }
  const hidden = rows.filter(({ kind, name, visible }) => kind === 'table' && tables.has(name) && !visible);
  if (hidden.length > 0) {
    throw new AppError(
      'migration_needed',
      `The search_path of the database user hides the tables of the schema public: ${hidden.map(({ name }) => name).join(', ')}.`,
      { hint: SEARCH_PATH_HINT },
    );
  }
}

export const SEARCH_PATH_HINT =
  'The tables of this service are in the schema public: remove search_path from the URL, or run ALTER ROLE … RESET search_path.';

const PRESENT = `
  with tables as (
    select oid, relname::text as name from pg_class
    where relnamespace = to_regnamespace('public') and relkind in ('r', 'p')
  )
  select 'table' as kind, name, pg_table_is_visible(oid) as visible from tables
  union all
  select 'column', t.name || '.' || a.attname, true from tables t join pg_attribute a on a.attrelid = t.oid
    where a.attnum > 0 and not a.attisdropped
  union all
  select 'constraint', c.conname::text, true from pg_constraint c join tables t on c.conrelid = t.oid
  union all
  select 'index', c.relname::text, true from pg_index i join tables t on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
    where i.indisunique and i.indisvalid`;
