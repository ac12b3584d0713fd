import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import packageJson from '../../package.json' with { type: 'json' };
import type { Database } from '../connection/database.ts';
import { sqlState, toDatabaseError } from '../connection/database-error.ts';
import { listMigrations, type Migration, migrationsFolder, readMigration } from './migration-files.ts';
import { refuseIncomplete } from './schema-objects.ts';

const MISSING_TABLE = '42P01';
const MISSING_SCHEMA = '3F000';

/** What a later version has done to a database. */
export interface LaterSchema {
  /** The newest migration, as `0007_name`, and the version of the program that applied it; undefined where it did not say. */
  readonly tag: string | undefined;
  readonly version: string | undefined;
  /** False if a migration says that this program must not use the database. */
  readonly usable: boolean;
}

export interface MigrationState {
  /** Names of the migrations that the database has and this program knows, oldest first. */
  readonly applied: readonly string[];
  /** Names of the migrations that the database lacks, oldest first. */
  readonly pending: readonly string[];
  /** The newest migration that this program knows. */
  readonly known: string;
  /** Set if the database was migrated by a later version than this. */
  readonly later: LaterSchema | undefined;
}

/** The version of this program, as it is noted beside each migration that it applies. */
export const DB_VERSION: string = packageJson.version;

/**
 * Which migrations of this version the database lacks, and which it has that this version does not know. Throws AppError
 * `migration_needed` if what was applied does not belong to this program.
 */
export async function migrationState({ pool }: { readonly pool: Queries }): Promise<MigrationState> {
  return readMigrationState(pool);
}

/** A pool, or one connection of it. */
type Queries = Pick<pg.Pool | pg.Client, 'query'>;

/** A row of the table of migrations. What versions wrote before there was a column is not there. */
interface AppliedRow {
  readonly created_at: number;
  readonly hash: string;
  readonly tag?: string | null;
  readonly version?: string | null;
  readonly needs?: number | null;
}

/** The same on any connection, and for the migrations of another folder. */
export async function readMigrationState(connection: Queries, folder = migrationsFolder): Promise<MigrationState> {
  const migrations = await listMigrations(folder);
  const rows = await connection
    .query<{ row: AppliedRow }>('select to_jsonb(m) as row from drizzle.__drizzle_migrations m order by created_at')
    .then((result) => result.rows.map(({ row }) => row))
    .catch((thrown: unknown) => {
      if ([MISSING_TABLE, MISSING_SCHEMA].includes(sqlState(thrown))) return [];
      throw toDatabaseError(thrown);
    });
  const newest = migrations.at(-1);
  const knownUntil = newest?.when ?? 0;
  await refuseUnknown(rows, migrations, folder);
  const later = rows.filter((row) => row.created_at > knownUntil);
  const last = later.at(-1);
  const isApplied = ({ when }: Migration): boolean => rows.some((row) => row.created_at === when);
  return {
    applied: migrations.filter(isApplied).map(({ tag }) => tag),
    pending: migrations.filter((each) => !isApplied(each)).map(({ tag }) => tag),
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

const FOREIGN_HINT =
  'Check that DATABASE_URL names the database of this service. If it does, run the version that applied the migration, or restore a backup.';

/** What was applied has to be what this program knows, or later than all of it. */
async function refuseUnknown(
  rows: readonly AppliedRow[],
  migrations: readonly Migration[],
  folder: string,
): Promise<void> {
  const [first] = migrations;
  if (rows.length === 0 || first === undefined) return;
  if (!rows.some((row) => row.created_at === first.when)) {
    throw refused(`The database has ${rows.length} migrations of another program: ${first.tag} is not among them.`);
  }
  const knownUntil = migrations.at(-1)?.when ?? 0;
  for (const row of rows.filter(({ created_at }) => created_at <= knownUntil)) {
    const mine = migrations.find(({ when }) => when === row.created_at);
    const by = row.version === undefined || row.version === null ? '' : `, applied by version ${row.version}`;
    if (mine === undefined) {
      const name = row.tag ?? `of ${new Date(row.created_at).toISOString()}`;
      throw refused(`The database has the migration ${name}${by}, which version ${DB_VERSION} does not know.`);
    }
    const { hashes } = await readMigration(mine, migrations, folder);
    if (!hashes.includes(row.hash)) {
      throw refused(`The database has another migration ${mine.tag}${by} than version ${DB_VERSION} has.`);
    }
  }
}

const refused = (message: string): AppError => new AppError('migration_needed', message, { hint: FOREIGN_HINT });

/**
 * Throws AppError `migration_needed` if this version cannot use the database: its schema is older than this version needs, a
 * later version has made it one that this version must not use, it is another program's, or a part of it is missing.
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
  await refuseIncomplete(database.pool, state);
  return state;
}

/** Says which version a later schema is of. */
export function laterSchemaText({ known, later }: Pick<MigrationState, 'known' | 'later'>): string {
  const by = later?.version === undefined ? 'a later version' : `version ${later.version}`;
  const to = later?.tag === undefined ? '' : ` to ${later.tag}`;
  return `The database was migrated${to} by ${by}; this is version ${DB_VERSION}, which knows ${known}.`;
}
