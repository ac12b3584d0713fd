import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { listMigrations } from './migration-files.ts';
import { SEARCH_PATH_HINT, tableNames } from './schema-objects.ts';

const OLDEST = 150_000;

interface ServerState {
  readonly version: number;
  readonly standby: boolean;
  readonly read_only: boolean;
  readonly schema: string | null;
  readonly name: string;
}

/** Throws an AppError that says what to do, if migrations cannot be applied here whatever they are. */
export async function refuseUnfit(client: Pick<pg.Client, 'query'>): Promise<void> {
  const { rows } = await client.query<ServerState>(`select current_setting('server_version_num')::int as version,
    pg_is_in_recovery() as standby, current_setting('transaction_read_only')::bool as read_only,
    current_schema()::text as schema, current_database()::text as name`);
  const [server] = rows;
  if (server === undefined) throw new AppError('internal', 'The database said nothing of itself.');
  if (server.version < OLDEST) {
    throw new AppError('migration_needed', `The server is PostgreSQL ${Math.floor(server.version / 10_000)}.`, {
      hint: 'Use PostgreSQL 15 or later.',
    });
  }
  if (server.standby) {
    throw new AppError('database_refused', 'The server is a standby, which takes no changes.', {
      hint: 'Let DATABASE_URL, or DATABASE_DIRECT_URL where it is set, name the primary server.',
    });
  }
  if (server.read_only) {
    throw new AppError('database_refused', `The database ${server.name} is read-only for this user.`, {
      hint: 'Turn default_transaction_read_only off for the user and the database, or name another user in DATABASE_URL.',
    });
  }
  if (server.schema !== 'public') {
    const first = server.schema === null ? 'names no schema that the user may use' : `begins with ${server.schema}`;
    throw new AppError('database_refused', `The search_path of the database user ${first}.`, {
      hint: SEARCH_PATH_HINT,
    });
  }
}

const SHOWN = 5;

/**
 * Throws AppError `migration_needed` if the tables of a database without notes of migrations are another's: `shared` allows all
 * but those that have the names of ours. Tables of extensions are nobody's.
 */
export async function refuseForeign(client: Pick<pg.Client, 'query'>, folder: string, shared: boolean): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    select c.relname::text as name from pg_class c
    where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'f', 'v', 'm')
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by 1`);
  const names = rows.map(({ name }) => name);
  const ours = await tableNames((await listMigrations(folder)).at(-1)?.tag ?? '', folder);
  const taken = names.filter((name) => ours.includes(name));
  if (taken.length > 0) {
    throw new AppError(
      'migration_needed',
      `The database has tables with the names of this service's, and no note of its migrations: ${listOf(taken)}.`,
      {
        hint: 'They are of another program, or of a backup that was restored without the schema drizzle. Restore the whole backup into an empty database, or name another database in DATABASE_URL.',
      },
    );
  }
  if (names.length > 0 && !shared) {
    throw new AppError('migration_needed', `The database has tables of another program: ${listOf(names)}.`, {
      hint: 'Name an empty database in DATABASE_URL. If both are to share this one, run `qwen-edit migrate --shared` once.',
    });
  }
}

function listOf(names: readonly string[]): string {
  return `${names.slice(0, SHOWN).join(', ')}${names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''}`;
}
