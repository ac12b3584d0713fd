import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError } from '@qwen-edit/contract';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import journal from '../../migrations/meta/_journal.json' with { type: 'json' };
import {
  createDatabase,
  type Database,
  type DatabaseOptions,
  laterSchemaText,
  migrateDatabase,
  migrationState,
  requireMigrated,
} from '../../packages/db/src/index.ts';
import * as schema from '../../packages/db/src/schema.ts';
import { emptyUrl } from './harness.ts';
import { atOnce } from './jobs.ts';

/** All migrations, in order, by the names of their files. */
const ALL = (await readdir(join(import.meta.dirname, '../../migrations')))
  .flatMap((name) => (name.endsWith('.sql') ? [name.slice(0, -'.sql'.length)] : []))
  .sort();

function open(url: string, options: Partial<DatabaseOptions> = {}): Database {
  const database = createDatabase({ url, ...options });
  onTestFinished(() => database.close());
  return database;
}

async function tables({ pool }: Database): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Another client that holds the lock of migrations until it is ended. */
async function holdLock(url: string): Promise<pg.Client> {
  const holder = new pg.Client({ connectionString: url });
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('select pg_advisory_lock(7311202511)');
  onTestFinished(() => holder.end());
  return holder;
}

/** Migrates, and tells when it has found somebody else at work. */
function migrateBehind(database: Database, holder: pg.Client & { processID?: number }) {
  const waits = Promise.withResolvers<void>();
  const migrating = migrateDatabase(database, {
    onEvent: (event) => {
      if (event.kind !== 'blocked') return;
      expect(event).toMatchObject({ migration: undefined, blockers: [{ pid: holder.processID }] });
      waits.resolve();
    },
  });
  migrating.catch(() => undefined);
  return { migrating, waits: waits.promise };
}

/** The server's processes that migrate this database. */
async function migrators({ pool }: Database): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'qwen-edit migrate'`,
  );
  return rows.map(({ pid }) => pid);
}

it('an empty database gets the whole schema, once', async () => {
  const database = open(await emptyUrl());
  await expect(requireMigrated(database)).rejects.toMatchObject({ code: 'migration_needed' });
  expect(await migrationState(database)).toEqual({ applied: [], pending: ALL, known: ALL.at(-1), later: undefined });
  expect(await migrateDatabase(database)).toEqual(ALL);
  expect(await tables(database)).toEqual([
    'api_keys',
    'assets',
    'idempotency_keys',
    'job_events',
    'job_inputs',
    'jobs',
    'object_deletions',
    'outbox',
    'sessions',
    'unused_assets',
    'webhook_deliveries',
    'webhook_receivers',
    'workers',
  ]);
  await requireMigrated(database);
  expect(await migrationState(database)).toEqual({ applied: ALL, pending: [], known: ALL.at(-1), later: undefined });
  expect(await migrateDatabase(database)).toEqual([]);
});

it('the migrations make what the schema says', async () => {
  const database = open(await emptyUrl());
  await migrateDatabase(database);
  const newest = String(journal.entries.length - 1).padStart(4, '0');
  const snapshot = await import(`../../migrations/meta/${newest}_snapshot.json`, { with: { type: 'json' } });
  expect(await generateMigration(snapshot.default, generateDrizzleJson(schema))).toEqual([]);
});

it.each([5, 1])('of 5 callers at once, on a pool of %i connections, one migrates', async (max) => {
  const url = await emptyUrl();
  const shared = open(url, { max });
  const applied = await atOnce(5, (n) => migrateDatabase(n < 3 ? shared : open(url, { max })));
  expect(applied.filter((names) => names.length > 0)).toEqual([ALL]);
  expect(shared.pool.waitingCount).toBe(0);
});

it('a caller waits for another for longer than a statement may take', async () => {
  const url = await emptyUrl();
  const database = open(url, { statementTimeoutMs: 100, answerTimeoutMs: 100 });
  const holder = await holdLock(url);
  const { migrating, waits } = migrateBehind(database, holder);
  await waits;
  await holder.query('select pg_sleep(0.5)');
  await holder.query('select pg_advisory_unlock_all()');
  expect(await migrating).toEqual(ALL);
});

it('the lock of a caller whose connection broke passes on, and who waited on a broken one is told', async () => {
  const url = await emptyUrl();
  const database = open(url);
  const holder = await holdLock(url);
  const first = migrateBehind(database, holder);
  await first.waits;
  const [pid] = await migrators(database);
  const second = migrateBehind(database, holder);
  await second.waits;
  const told = first.migrating.catch((thrown: AppError) => thrown.code);
  await database.pool.query('select pg_terminate_backend($1)', [pid]);
  expect(await told).toBe('database_unavailable');
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  expect(await second.migrating).toEqual(ALL);
});

it('a migration that fails leaves nothing behind, and can be repeated', async () => {
  const database = open(await emptyUrl());
  // The last statement of the first migration meets it.
  await database.pool.query('create sequence webhook_deliveries_due');
  await expect(migrateDatabase(database)).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/^Statement \d\d of the migration 0000_init failed: .*webhook_deliveries_due/),
  });
  expect(await tables(database)).toEqual([]);
  await database.pool.query('drop sequence webhook_deliveries_due');
  expect(await migrateDatabase(database)).toEqual(ALL);
});

describe('a database of a later version', () => {
  /** As if version 9.1.0 had applied a migration that this one does not know. */
  async function migratedLater(needs: number | null): Promise<Database> {
    const database = open(await emptyUrl());
    await migrateDatabase(database);
    await database.pool.query(
      `insert into drizzle.__drizzle_migrations (hash, created_at, tag, version, needs)
       values ('of the future', 9000000000000, '0099_more', '9.1.0', $1)`,
      [needs],
    );
    return database;
  }

  it('is left alone, may be used, and is named with its version', async () => {
    const database = await migratedLater(null);
    expect(await migrateDatabase(database)).toEqual([]);
    const state = await requireMigrated(database);
    expect(state).toMatchObject({ pending: [], later: { tag: '0099_more', version: '9.1.0', usable: true } });
    expect(laterSchemaText(state)).toMatch(new RegExp(`to 0099_more by version 9\\.1\\.0.* knows ${ALL.at(-1)}`));
    expect((await database.pool.query('select from drizzle.__drizzle_migrations')).rowCount).toBe(ALL.length + 1);
  });

  it('is refused if a migration says that programs must know it', async () => {
    const database = await migratedLater(9_000_000_000_000);
    expect(await migrateDatabase(database)).toEqual([]);
    await expect(requireMigrated(database)).rejects.toMatchObject({
      code: 'migration_needed',
      message: expect.stringContaining('version 9.1.0'),
      hint: expect.stringContaining('9.1.0 or a later one'),
    });
  });

  it('is used if what programs must know is known here', async () => {
    const database = await migratedLater(0);
    await database.pool.query(
      `update drizzle.__drizzle_migrations set version = '9.0.0',
         needs = (select max(created_at) from drizzle.__drizzle_migrations where created_at < 9000000000000)
       where version = '9.1.0'`,
    );
    expect((await requireMigrated(database)).later).toMatchObject({ version: '9.0.0', usable: true });
  });

  it('that was migrated before versions were noted is read all the same', async () => {
    const database = open(await emptyUrl());
    await migrateDatabase(database);
    await database.pool.query(
      `alter table drizzle.__drizzle_migrations drop column tag, drop column version, drop column needs;
       insert into drizzle.__drizzle_migrations (hash, created_at) values ('of the future', 9000000000000)`,
    );
    const state = await requireMigrated(database);
    expect(state.later).toEqual({ tag: undefined, version: undefined, usable: true });
    expect(laterSchemaText(state)).toContain('by a later version');
  });
});

it('a migration notes its name, the version that applied it, and what programs must know from then on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entries = [1000, 2000].map((when, n) => ({ when, tag: `000${n}_step` }));
  await mkdir(join(folder, 'meta'));
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ entries }));
  await writeFile(join(folder, '0000_step.sql'), 'create table a (n int);\n--> statement-breakpoint\nselect 1;');
  await writeFile(join(folder, '0001_step.sql'), '-- needs programs that know 0001_step\nalter table a drop column n;');
  const database = open(await emptyUrl());
  expect(await migrateDatabase(database, { folder })).toEqual(['0000_step', '0001_step']);
  const { rows } = await database.pool.query(
    'select tag, version, created_at::int as made, needs::int as needs from drizzle.__drizzle_migrations order by id',
  );
  expect(rows).toEqual([
    { tag: '0000_step', version: expect.stringMatching(/^\d+\.\d+/), made: 1000, needs: null },
    { tag: '0001_step', version: expect.stringMatching(/^\d+\.\d+/), made: 2000, needs: 2000 },
  ]);
});

it('a server that is not there may come; a database that is not there has to be made', async () => {
  const missing = new URL(await emptyUrl());
  missing.pathname = 'qwen_edit_none';
  for (const [url, code] of [
    ['postgres://nobody@127.0.0.1:1/none', 'database_unavailable'],
    [missing.href, 'database_refused'],
  ] as const) {
    await expect(migrateDatabase(open(url))).rejects.toMatchObject({ code });
    await expect(requireMigrated(open(url))).rejects.toMatchObject({ code });
  }
});
