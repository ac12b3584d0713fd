import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createDatabase,
  type Database,
  hindrancesOf,
  type MigrationPlan,
  migrateDatabase,
  type PlannedStatement,
  planMigrations,
} from '../../packages/db/src/index.ts';
import { openScratch } from '../../packages/db/src/migrations/scratch-database.ts';
import { serviceAddress } from '../services.ts';
import { emptyUrl, freshUrl } from './harness.ts';
import { MIGRATIONS, migrationFolder, migrationText } from './migration-folder.ts';
import { runOnServer } from './template.ts';

function open(url: string): Database {
  const database = createDatabase({ url, max: 2 });
  onTestFinished(() => database.close());
  return database;
}

/** The plan of one migration of a later version. */
async function planOf(text: string, database?: Database): Promise<MigrationPlan> {
  const folder = await migrationFolder({ later: { '0100_later': text } });
  return planMigrations(database ?? open(await freshUrl()), { folder });
}

/** What the first of these does to tables, in short. */
const effects = (statements: readonly PlannedStatement[] = []): unknown =>
  statements[0]?.tables.map(({ table, locks, reads, rewrites, blocks }) => [
    table,
    locks.at(-1),
    rewrites ? 'rewrites' : reads ? 'reads' : '-',
    blocks,
  ]);

/** Statements, the phase of a migration that consists of each, and what the server does for it. They run in this order. */
const CASES = [
  [
    'ALTER TABLE "jobs" ADD COLUMN "c" integer DEFAULT 1 NOT NULL',
    'expand',
    [['jobs', 'ACCESS EXCLUSIVE', '-', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" ADD COLUMN "d" float DEFAULT random()',
    'expand',
    [['jobs', 'ACCESS EXCLUSIVE', 'rewrites', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" ALTER COLUMN "attempt" TYPE bigint',
    'contract',
    [['jobs', 'ACCESS EXCLUSIVE', 'rewrites', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" ALTER COLUMN "stage" SET NOT NULL',
    'contract',
    [['jobs', 'ACCESS EXCLUSIVE', 'reads', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" ADD CONSTRAINT "k" CHECK ("step" >= 0)',
    'expand',
    [['jobs', 'ACCESS EXCLUSIVE', 'reads', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" ADD CONSTRAINT "l" CHECK ("step" >= 0) NOT VALID',
    'expand',
    [['jobs', 'ACCESS EXCLUSIVE', '-', 'reads and writes']],
  ],
  [
    'ALTER TABLE "jobs" VALIDATE CONSTRAINT "l"',
    'expand',
    [['jobs', 'SHARE UPDATE EXCLUSIVE', 'reads', 'schema changes']],
  ],
  ['CREATE INDEX "i" ON "jobs" ("seed")', 'expand', [['jobs', 'SHARE', 'reads', 'writes']]],
  [
    '-- concurrently\nCREATE INDEX CONCURRENTLY "j" ON "jobs" ("seed")',
    'expand',
    [['jobs', 'SHARE UPDATE EXCLUSIVE', 'reads', 'schema changes']],
  ],
  [
    '-- concurrently\nDROP INDEX CONCURRENTLY "jobs_queued"',
    'contract',
    [['jobs', 'SHARE UPDATE EXCLUSIVE', '-', 'schema changes']],
  ],
  ['UPDATE "jobs" SET "seed" = \'1\'', 'migrate', [['jobs', 'ROW EXCLUSIVE', 'reads', 'nothing']]],
  ['CREATE TABLE "t" ("a" text)', 'expand', []],
  ['ALTER TABLE "jobs" DROP COLUMN "total"', 'contract', [['jobs', 'ACCESS EXCLUSIVE', '-', 'reads and writes']]],
  [
    'ALTER TABLE "jobs" RENAME COLUMN "seed" TO "grain"',
    'contract',
    [['jobs', 'ACCESS EXCLUSIVE', '-', 'reads and writes']],
  ],
] as const;

it('a plan says of each statement what the server does for it, and to which phase it belongs', async () => {
  const later = Object.fromEntries(CASES.map(([text], n) => [`01${String(n).padStart(2, '0')}_case`, text]));
  const plan = await planMigrations(open(await freshUrl()), { folder: await migrationFolder({ later }) });
  expect(plan.source).toBe('server');
  const found = plan.pending.map(({ phase, statements }) => [statements[0]?.sql, phase, effects(statements)]);
  expect(found).toEqual(CASES);
});

it('a plan says which programs are refused afterwards, and how large the tables are', async () => {
  const database = open(await freshUrl());
  await database.pool.query(
    `insert into jobs (id, owner, parameters, max_attempts) select 'job_' || i, 'ann', '{}', 3 from generate_series(1, 1000) i`,
  );
  await database.pool.query('analyze jobs');
  const plan = await planOf(
    '-- needs programs that know 0007_worker_download\nALTER TABLE "jobs" DROP COLUMN "seed"',
    database,
  );
  expect(plan.pending).toMatchObject([{ tag: '0100_later', needs: '0007_worker_download', concurrently: false }]);
  const [table] = plan.pending[0]!.statements[0]!.tables;
  expect(table).toMatchObject({ table: 'jobs', rows: 1000 });
  const { rows } = await database.pool.query<{ bytes: number }>(`select pg_table_size('jobs')::int as bytes`);
  expect(table?.bytes).toBe(rows[0]?.bytes);
});

it('a plan locks nothing, waits for nobody, changes nothing, and leaves no scratch database', async () => {
  const url = await freshUrl();
  const database = open(url);
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query('begin; lock table jobs in access exclusive mode');
  const names: unknown[] = [];
  const scratch: typeof openScratch = async (of) => {
    const opened = await openScratch(of);
    if (!('why' in opened)) {
      names.push((await (await opened.connect()).query('select current_database() as name')).rows[0].name);
    }
    return opened;
  };
  const folder = await migrationFolder({ later: { '0100_later': 'ALTER TABLE "jobs" ADD COLUMN "c" integer' } });
  const plan = await planMigrations(database, { folder, scratch });
  expect(effects(plan.pending[0]?.statements)).toEqual([['jobs', 'ACCESS EXCLUSIVE', '-', 'reads and writes']]);
  await holder.query('rollback');
  const { rows } = await database.pool.query(
    `select from pg_attribute where attrelid = 'jobs'::regclass and attname = 'c'`,
  );
  expect(rows).toEqual([]);
  expect(names).toEqual([expect.stringMatching(/^qwen_edit_plan_/)]);
  expect((await database.pool.query('select from pg_database where datname = any($1)', [names])).rows).toEqual([]);
});

it('a scratch database that a killed plan has left is dropped by the next one, and one in use stays', async () => {
  const { url } = await serviceAddress('embedded-postgres');
  const [old, young] = ['qwen_edit_plan_1000_0a0b0c0d', `qwen_edit_plan_${Date.now()}_0a0b0c0d`];
  for (const name of [old, young]) await runOnServer(url, `create database ${name} template template0`);
  onTestFinished(() => runOnServer(url, `drop database ${young}`));
  const database = open(await freshUrl());
  await planOf('select 1', database);
  const { rows } = await database.pool.query('select datname from pg_database where datname = any($1)', [[old, young]]);
  expect(rows).toEqual([{ datname: young }]);
});

/** The strongest lock on each table. */
const locksOf = (statements: readonly PlannedStatement[] = []): unknown =>
  statements.map(({ tables }) => tables.map(({ table, locks }) => `${table} ${locks.at(-1)}`).sort());

it('without any scratch database the list of locks says the same of all migrations of this program', async () => {
  const database = open(await emptyUrl());
  const [first = ''] = MIGRATIONS;
  await migrateDatabase(database, { folder: await migrationFolder({ until: first }) });
  const scratch = () => Promise.resolve({ why: 'a test' });
  const [observed, listed] = [await planMigrations(database), await planMigrations(database, { scratch })];
  expect(listed).toMatchObject({ source: 'list', detail: 'a test' });
  for (const [n, { tag, statements }] of observed.pending.entries()) {
    expect(locksOf(listed.pending[n]?.statements), tag).toEqual(locksOf(statements));
  }
});

it('a statement that is on no list counts as one that may hold the service up', async () => {
  const folder = await migrationFolder({ later: { '0100_later': 'VACUUM FULL "jobs"' } });
  const scratch = () => Promise.resolve({ why: 'a test' });
  const plan = await planMigrations(open(await freshUrl()), { folder, scratch });
  expect(hindrancesOf(plan)).toMatchObject([{ sql: 'VACUUM FULL "jobs"', known: false }]);
});

/** Those that break a rule below, and why they may. They are released, and a migration that was applied somewhere never changes. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  '0001_queue_rank': 'builds an index of the waiting jobs only, in 0.2 s of 1,000,000 jobs',
  '0003_webhook_lanes': 'builds an index of the deliveries that are not made yet',
};

describe('of the migrations of this program', () => {
  it('none holds anybody up, whatever the sizes of tables, or takes something from programs that run', async () => {
    const database = open(await emptyUrl());
    await migrateDatabase(database, { folder: await migrationFolder({ until: MIGRATIONS[0]! }) });
    for (const tag of MIGRATIONS.slice(1)) {
      const folder = await migrationFolder({ until: tag });
      const [migration] = (await planMigrations(database, { folder })).pending;
      const holding = migration!.statements.filter(
        ({ tables, changesRows }) =>
          changesRows || tables.some(({ blocks, reads, rewrites }) => blocks.endsWith('writes') && (reads || rewrites)),
      );
      const told = `${tag}: ${holding.map(({ sql }) => sql).join('\n')}`;
      expect(holding.length > 0, told).toBe(EXCEPTIONS[tag] !== undefined);
      // One that takes something away says which programs are refused from then on.
      if (migration?.phase === 'contract') expect(migration.needs, tag).toBeDefined();
      await migrateDatabase(database, { folder });
    }
  });

  it('each is marked -- concurrently if it builds an index so', async () => {
    for (const tag of MIGRATIONS) {
      const text = await migrationText(tag);
      expect(/^-- concurrently$/m.test(text), tag).toBe(/index\s+concurrently/i.test(text));
    }
  });
});
