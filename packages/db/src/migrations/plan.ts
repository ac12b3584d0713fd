import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import type { Database } from '../connection/database.ts';
import { toDatabaseError } from '../connection/database-error.ts';
import { lacksLock } from './apply-migration.ts';
import { refuseForeign, refuseUnfit } from './fit-database.ts';
import { listedEffects } from './listed-locks.ts';
import { type BlockedWork, blockedBy, strongestOf } from './lock-modes.ts';
import { listMigrations, type MigrationContent, migrationsFolder, readMigration } from './migration-files.ts';
import { changesRows, type MigrationPhase } from './migration-phase.ts';
import { type LaterSchema, readMigrationState } from './migration-state.ts';
import { observeConcurrently, observeStatement, type TableEffect } from './observe-statement.ts';
import { refuseIncomplete } from './schema-objects.ts';
import { openScratch, type ScratchDatabase } from './scratch-database.ts';

/** What a statement does to one table of the real database. */
export interface PlannedTable extends TableEffect {
  /** About how many rows it has now, as the server estimates; undefined where it was never analysed. */
  readonly rows: number | undefined;
  /** Of the table, without its indexes. */
  readonly bytes: number;
  readonly blocks: BlockedWork;
  /** It blocks for as long as it takes to read, rewrite or change the whole table, and that is long. */
  readonly holdsUp: boolean;
}

export interface PlannedStatement {
  readonly sql: string;
  /** Tables that the database has now and that it locks; not those that earlier statements of the plan make. */
  readonly tables: readonly PlannedTable[];
  /** It changes rows, and so takes as long as there are rows to change. */
  readonly changesRows: boolean;
  /** False if nothing is known of its locks, because it could not be tried. */
  readonly known: boolean;
}

export interface PlannedMigration {
  readonly tag: string;
  readonly phase: MigrationPhase;
  /** Programs that do not know this migration are refused afterwards. */
  readonly needs: string | undefined;
  readonly concurrently: boolean;
  readonly statements: readonly PlannedStatement[];
}

export interface MigrationPlan {
  readonly applied: readonly string[];
  readonly pending: readonly PlannedMigration[];
  readonly later: LaterSchema | undefined;
  /** The newest migration that this program knows. */
  readonly known: string;
  /** Where the facts are from: see openScratch. `list`: from a list of what PostgreSQL's documentation says. */
  readonly source: ScratchDatabase['place'] | 'list';
  /** The version of PostgreSQL that the facts are of; with `list`, why there is none. */
  readonly detail: string;
}

export interface PlanOptions {
  readonly folder?: string;
  readonly shared?: boolean;
  /** Given by tests. */
  readonly scratch?: typeof openScratch;
}

/** Tables below this size are read and written so fast that nobody notices. */
const LONG_BYTES = 64 * 2 ** 20;

/**
 * What `migrateDatabase` would do: each statement, with the locks that it takes and whether it reads or rewrites a table. On the
 * database itself only catalogs are read. The statements are run on a scratch database that has the same migrations and no rows.
 */
export async function planMigrations(database: Database, options: PlanOptions = {}): Promise<MigrationPlan> {
  const { folder = migrationsFolder, shared = false, scratch = openScratch } = options;
  const client = await database.openDirect('qwen-edit plan');
  try {
    await refuseUnfit(client);
    const state = await readMigrationState(client, folder);
    if (state.applied.length > 0) await refuseIncomplete(client, state, folder);
    else if (state.later === undefined) await refuseForeign(client, folder, shared);
    const sizes = await readSizes(client);
    const all = await listMigrations(folder);
    const contents = await Promise.all(
      all.map(async (migration) => ({ tag: migration.tag, content: await readMigration(migration, all, folder) })),
    );
    const { pending, ...source } =
      state.pending.length === 0
        ? { pending: [], source: 'list' as const, detail: '' }
        : await observeAll(await scratch(database), contents, new Set(state.pending));
    return {
      applied: state.applied,
      later: state.later,
      known: state.known,
      ...source,
      pending: pending.map(({ tag, content, statements }) => ({
        tag,
        phase: content.phase,
        needs: all.find(({ when }) => when === content.needs)?.tag,
        concurrently: content.concurrently,
        statements: statements.map(({ sql, effects }) => ({
          sql,
          changesRows: changesRows(sql),
          known: effects !== undefined,
          tables: (effects ?? []).flatMap((effect) => plannedTable(effect, sizes, changesRows(sql))),
        })),
      })),
    };
  } catch (thrown) {
    throw toDatabaseError(thrown);
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Observed {
  readonly tag: string;
  readonly content: MigrationContent;
  readonly statements: readonly { readonly sql: string; readonly effects: readonly TableEffect[] | undefined }[];
}

/** Runs all migrations in their order on a scratch database, and keeps what is pending. */
async function observeAll(
  scratch: Awaited<ReturnType<typeof openScratch>>,
  contents: readonly { readonly tag: string; readonly content: MigrationContent }[],
  wanted: ReadonlySet<string>,
): Promise<{ pending: readonly Observed[]; source: MigrationPlan['source']; detail: string }> {
  if ('why' in scratch) {
    const pending = contents
      .filter(({ tag }) => wanted.has(tag))
      .map(({ tag, content }) => ({
        tag,
        content,
        statements: content.statements.map((sql) => ({ sql: sql.trim(), effects: listedEffects(sql) })),
      }));
    return { pending, source: 'list', detail: scratch.why };
  }
  try {
    const [client, other] = [await scratch.connect(), await scratch.connect()];
    const pending: Observed[] = [];
    // What is applied comes first, so that what is pending meets the tables that it will meet.
    const order = [...contents.filter(({ tag }) => !wanted.has(tag)), ...contents.filter(({ tag }) => wanted.has(tag))];
    for (const { tag, content } of order) {
      const statements: { sql: string; effects: readonly TableEffect[] }[] = [];
      for (const sql of content.statements) {
        const effects = await (content.concurrently
          ? observeConcurrently(client, other, sql)
          : observeStatement(client, sql)
        ).catch((thrown: unknown) => {
          throw new AppError('internal', `A statement of ${tag} fails: ${toDatabaseError(thrown).message}`, {
            hint: 'The migration would fail on the database too. Report this error with its details.',
            cause: thrown,
          });
        });
        statements.push({ sql: sql.trim(), effects });
      }
      if (wanted.has(tag)) pending.push({ tag, content, statements });
    }
    return { pending, source: scratch.place, detail: scratch.version };
  } finally {
    await scratch.remove();
  }
}

interface TableSize {
  readonly name: string;
  readonly rows: number | null;
  readonly bytes: number;
}

const SIZES = `
  select c.relname::text as name, pg_table_size(c.oid)::float8 as bytes,
    case when pg_relation_size(c.oid) = 0 then 0
      when c.reltuples >= 0 and c.relpages > 0
      then round(c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int)) end::float8 as rows
  from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')`;
/** As the table was when it was analysed last. */
const NOTED_SIZES = `
  select c.relname::text as name, c.relpages * current_setting('block_size')::float8 as bytes,
    case when c.reltuples >= 0 then c.reltuples end::float8 as rows
  from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')`;

/** Rows as the planner estimates them: those per page when it was analysed, times the pages of now. */
async function readSizes(client: pg.Client): Promise<readonly TableSize[]> {
  try {
    // To ask for a size takes a lock that whoever has the table for itself does not give.
    await client.query("begin; set local lock_timeout = '1s'");
    return (await client.query<TableSize>(SIZES)).rows;
  } catch (thrown) {
    if (!lacksLock(thrown)) throw thrown;
    await client.query('rollback');
    return (await client.query<TableSize>(NOTED_SIZES)).rows;
  } finally {
    await client.query('rollback');
  }
}

function plannedTable(effect: TableEffect, sizes: readonly TableSize[], changes: boolean): PlannedTable[] {
  const size = sizes.find(({ name }) => name === effect.table);
  if (size === undefined) return [];
  const blocks = blockedBy(strongestOf(effect.locks));
  const hinders = blocks === 'writes' || blocks === 'reads and writes';
  // Each row that is changed stays locked until the migration ends, and a heartbeat or a commit waits for it.
  const locksRows = changes && effect.locks.includes('ROW EXCLUSIVE');
  return [
    {
      ...effect,
      rows: size.rows ?? undefined,
      bytes: size.bytes,
      blocks,
      holdsUp: size.bytes >= LONG_BYTES && (locksRows || (hinders && (effect.reads || effect.rewrites))),
    },
  ];
}

/** The statements of a plan that hold the service up, and those of which it is not known. */
export function hindrancesOf({ pending }: MigrationPlan): readonly PlannedStatement[] {
  return pending.flatMap(({ statements }) =>
    statements.filter(({ tables, known }) => !known || tables.some(({ holdsUp }) => holdsUp)),
  );
}
