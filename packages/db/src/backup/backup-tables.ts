import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { getTableConfig, is, PgTable } from '../drizzle.ts';
import { listMigrations } from '../migrations/migration-files.ts';
import { laterSchemaText, type MigrationState } from '../migrations/migration-state.ts';
import * as schema from '../schema.ts';

/** A table whose rows a backup holds. */
export interface BackupTable {
  readonly name: string;
  /** In the order of the table; what the database computes by itself is left out. */
  readonly columns: readonly string[];
}

interface CatalogRow {
  readonly name: string;
  readonly columns: readonly string[];
  /** Tables that must have their rows before this one. */
  readonly refers: readonly string[];
}

/** Every table of the schema, so that a new one is in the next backup by itself. */
const NAMES: readonly string[] = Object.values(schema)
  .filter((each) => is(each, PgTable))
  .map((table) => getTableConfig(table).name);

const CATALOG = `
  select c.relname as name,
    (select json_agg(a.attname order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
    (select coalesce(json_agg(distinct f.relname), '[]') from pg_constraint k join pg_class f on f.oid = k.confrelid
      where k.conrelid = c.oid and k.contype = 'f' and f.oid <> c.oid) as refers
  from pg_class c
  where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname = any ($1)
  order by c.relname`;

/** The tables that this database has, each after those that its foreign keys name. */
export async function readTables(client: Pick<pg.Client, 'query'>): Promise<readonly BackupTable[]> {
  const { rows } = await client.query<CatalogRow>(CATALOG, [NAMES]);
  const ordered: CatalogRow[] = [];
  while (ordered.length < rows.length) {
    const done = new Set(ordered.map(({ name }) => name));
    const next = rows.filter(({ name, refers }) => !done.has(name) && refers.every((each) => done.has(each)));
    if (next.length === 0) throw new AppError('internal', 'The foreign keys of the tables go round in a circle.');
    ordered.push(...next);
  }
  return ordered.map(({ name, columns }) => ({ name, columns }));
}

/**
 * The newest migration of a database that this program knows whole. Throws AppError `migration_needed` for one that was never
 * migrated, and for one of a later version: there may be tables in it of which this version knows nothing.
 */
export async function newestKnownMigration(state: MigrationState): Promise<string> {
  if (state.later !== undefined) {
    throw new AppError('migration_needed', laterSchemaText(state), {
      hint: `Use version ${state.later.version ?? 'of that migration'} or a later one: this one may not know every table.`,
    });
  }
  const applied = (await listMigrations()).filter(({ tag }) => !state.pending.includes(tag));
  const newest = applied.at(-1);
  if (newest !== undefined) return newest.tag;
  throw new AppError('migration_needed', 'The database has no tables of qwen-edit.', {
    hint: 'Check DATABASE_URL: a service has never used this database.',
  });
}

/** True if this program can bring rows of that schema to its own. */
export async function isKnownMigration(schema: string): Promise<boolean> {
  return (await listMigrations()).some(({ tag }) => tag === schema);
}
