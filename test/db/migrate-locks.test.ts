import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createDatabase,
  type Database,
  hindrancesOf,
  type MigrateEvent,
  migrateDatabase,
  planMigrations,
} from '../../packages/db/src/index.ts';
import { emptyUrl, freshUrl } from './harness.ts';
import { claimOrFail, submitOrFail } from './jobs.ts';
import { startMigrating } from './migrate-process.ts';
import { fillMigrationFolder, MIGRATIONS, migrationFolder } from './migration-folder.ts';

const JOBS = 1_000_000;
/** Adds a column with a default, which needs the table for itself for a moment. */
const ADD_COLUMN = 'ALTER TABLE "jobs" ADD COLUMN "shade" integer DEFAULT 0 NOT NULL;';
const BUILD_INDEX = '-- concurrently\nCREATE INDEX CONCURRENTLY "jobs_shade" ON "jobs" ("shade", "id");';

function open(url: string): Database {
  const database = createDatabase({ url, max: 4 });
  onTestFinished(() => database.close());
  return database;
}

/** Somebody else's connection in a transaction that has run this statement and stays open. */
async function openTransaction(url: string, statement: string): Promise<pg.Client & { processID?: number }> {
  const client = new pg.Client({ connectionString: url, application_name: 'a long report' });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('begin');
  await client.query(statement);
  return client;
}

/** Submits and claims one job after the other until it is told to stop. */
function startTraffic(database: Database) {
  const stopped = new AbortController();
  let rounds = 0;
  let wake = Promise.withResolvers<void>();
  const running = (async () => {
    while (!stopped.signal.aborted) {
      await claimOrFail(database, await submitOrFail(database));
      rounds++;
      wake.resolve();
      wake = Promise.withResolvers();
    }
  })();
  running.catch(() => wake.resolve());
  return {
    /** Waits until so many more jobs were submitted and claimed. */
    async more(count: number): Promise<void> {
      const wanted = rounds + count;
      while (rounds < wanted) await Promise.race([wake.promise, running]);
    },
    /** How many jobs were submitted and claimed. Rejects if one failed. */
    async stop() {
      stopped.abort();
      await running;
      return rounds;
    },
  };
}

/** Rows of jobs that are done, as years of work leave them. */
async function fillJobs({ pool }: Database): Promise<void> {
  // One statement may take longer than the pool allows.
  for (let from = 0; from < JOBS; from += JOBS / 10) {
    await pool.query(
      `insert into jobs (id, owner, status, parameters, max_attempts, completed_at, seed, receipt, timings)
       select 'job_' || lpad(i::text, 26, '0'), 'owner_' || i % 100, 'succeeded', '{"prompt": "make it blue"}', 3, now(), '7',
         '{"model": "demo"}', '{"denoise": 1.5}' from generate_series($1::int + 1, $1::int + $2::int) i`,
      [from, JOBS / 10],
    );
  }
  await pool.query('analyze jobs');
}

const fileOf = async ({ pool }: Database, name: string): Promise<unknown> =>
  (await pool.query('select pg_relation_filenode($1::regclass) as file', [name])).rows[0];
const migrators = async ({ pool }: Database): Promise<number | null> =>
  (
    await pool.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'qwen-edit migrate'",
    )
  ).rowCount;
const isValid = async ({ pool }: Database, index: string): Promise<unknown> =>
  (await pool.query('select indisvalid as valid from pg_index where indexrelid = to_regclass($1)', [index])).rows[0]
    ?.valid;

it('on a million jobs the service goes on while migrations wait for locks, are killed, build an index, and end', async () => {
  const url = await emptyUrl();
  const database = open(url);
  const [first = '', ...rest] = MIGRATIONS;
  await migrateDatabase(database, { folder: await migrationFolder({ until: first }) });
  await fillJobs(database);

  // 1. Of this program's own migrations the plan names those that hold up, and none rewrites the jobs.
  const plan = await planMigrations(database);
  expect(hindrancesOf(plan).map(({ sql }) => sql)).toEqual([expect.stringMatching(/^CREATE INDEX "jobs_queue_order"/)]);
  const file = await fileOf(database, 'jobs');
  expect(await migrateDatabase(database)).toEqual(rest);
  expect(await fileOf(database, 'jobs')).toEqual(file);

  // 2. A report reads jobs in a long transaction. Whoever wants the table for itself has to wait, but nobody behind it.
  const folder = await migrationFolder({ later: { '0100_shade': ADD_COLUMN } });
  const reader = await openTransaction(url, 'select from jobs limit 1');
  const traffic = startTraffic(open(url));
  const blocked: MigrateEvent[] = [];
  const twice = Promise.withResolvers<void>();
  const migrating = migrateDatabase(database, {
    folder,
    lockTimeoutMs: 200,
    onEvent: (event) => event.kind === 'blocked' && blocked.push(event) === 2 && twice.resolve(),
  });
  await Promise.race([twice.promise, migrating]);
  await traffic.more(20);
  await reader.query('commit');
  expect(await migrating).toEqual(['0100_shade']);
  const holder = {
    pid: reader.processID,
    application: 'a long report',
    state: 'idle in transaction',
    command: 'SELECT',
  };
  for (const event of blocked.slice(0, 2)) {
    expect(event).toMatchObject({ migration: '0100_shade', blockers: [holder] });
  }
  expect(await fileOf(database, 'jobs')).toEqual(file);

  // 3. An index is built while jobs are written. The process is killed in the middle; the next one goes on.
  await fillMigrationFolder(folder, { later: { '0100_shade': ADD_COLUMN, '0101_index': BUILD_INDEX } });
  const plannedIndex = await planMigrations(database, { folder });
  expect(plannedIndex.pending[0]).toMatchObject({
    concurrently: true,
    statements: [{ tables: [{ table: 'jobs', blocks: 'schema changes', reads: true, holdsUp: false }] }],
  });
  const writer = await openTransaction(url, "update jobs set metadata = '{}' where id = (select min(id) from jobs)");
  const killed = startMigrating(url, folder);
  await killed.until((event) => event.kind === 'blocked' && event.blockers.some(({ pid }) => pid === writer.processID));
  await killed.kill();
  await traffic.more(20);
  // The server notices that nobody is there any more, although its statement only waits.
  await expect.poll(() => migrators(database), { timeout: 120_000 }).toBe(0);
  expect(await isValid(database, 'jobs_shade')).toBe(false);
  await writer.query('commit');
  const events: MigrateEvent[] = [];
  expect(await migrateDatabase(database, { folder, onEvent: (event) => events.push(event) })).toEqual(['0101_index']);
  expect(events).toContainEqual({ kind: 'unfinished_index', migration: '0101_index', index: 'jobs_shade' });
  expect(await isValid(database, 'jobs_shade')).toBe(true);

  expect(await traffic.stop()).toBeGreaterThanOrEqual(40);
});

describe('a migration', () => {
  it('that does not get its locks in time says who holds them, and leaves nothing of itself', async () => {
    const url = await freshUrl();
    const database = open(url);
    const reader = await openTransaction(url, 'select from jobs');
    const folder = await migrationFolder({
      later: { '0100_shade': `CREATE TABLE "mine" ();--> statement-breakpoint\n${ADD_COLUMN}` },
    });
    await expect(migrateDatabase(database, { folder, lockTimeoutMs: 100, waitMs: 1 })).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringMatching(
        new RegExp(
          `0100_shade did not get its locks.*pid ${reader.processID} \\(a long report.*idle in transaction, SELECT`,
        ),
      ),
    });
    const { rows } = await database.pool.query(`select to_regclass('mine') as mine`);
    expect(rows).toEqual([{ mine: null }]);
    await reader.query('rollback');
    expect(await migrateDatabase(database, { folder })).toEqual(['0100_shade']);
  });

  it('that is killed is taken back, the ones before it stay, and the next run does not wait for the dead', async () => {
    const url = await freshUrl();
    const database = open(url);
    const later = {
      '0100_a': 'CREATE TABLE "a" ();',
      '0101_b': 'CREATE TABLE "b" ();--> statement-breakpoint\nselect pg_sleep(3600);',
    };
    const folder = await migrationFolder({ later });
    const killed = startMigrating(url, folder);
    await killed.until((event) => event.kind === 'running' && event.migration === '0101_b' && event.statement === 2);
    await killed.kill();
    await fillMigrationFolder(folder, {
      later: { ...later, '0101_b': 'CREATE TABLE "b" ();', '0102_c': 'CREATE TABLE "c" ();' },
    });
    expect(await migrateDatabase(database, { folder })).toEqual(['0101_b', '0102_c']);
  });

  it('that is stopped by Ctrl-C ends at once, and is taken back', async () => {
    const database = open(await freshUrl());
    const folder = await migrationFolder({
      later: { '0100_a': 'CREATE TABLE "a" ();--> statement-breakpoint\nselect pg_sleep(3600);' },
    });
    const stop = new AbortController();
    const onEvent = (event: MigrateEvent): void => (event.kind === 'running' ? stop.abort() : undefined);
    const migrating = migrateDatabase(database, { folder, onEvent, signal: stop.signal });
    await expect(migrating).rejects.toMatchObject({ code: 'canceled' });
    expect((await database.pool.query(`select to_regclass('a') as a`)).rows).toEqual([{ a: null }]);
  });

  it('whose unique index meets rows that are equal fails, leaves no index, and can be repeated', async () => {
    const database = open(await freshUrl());
    for (let n = 0; n < 2; n++) await submitOrFail(database);
    const folder = await migrationFolder({
      later: { '0100_one': '-- concurrently\nCREATE UNIQUE INDEX CONCURRENTLY "jobs_one" ON "jobs" ("owner");' },
    });
    await expect(migrateDatabase(database, { folder })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('Statement 1 of the migration 0100_one failed'),
    });
    expect(await isValid(database, 'jobs_one')).toBeUndefined();
    await database.pool.query('delete from jobs');
    expect(await migrateDatabase(database, { folder })).toEqual(['0100_one']);
    expect(await isValid(database, 'jobs_one')).toBe(true);
  });

  it('that drops an index while jobs are written passes over one that is gone already', async () => {
    const database = open(await freshUrl());
    const folder = await migrationFolder({
      later: {
        '0100_drop':
          '-- concurrently\nDROP INDEX CONCURRENTLY "jobs_queued";--> statement-breakpoint\nDROP INDEX CONCURRENTLY "jobs_none";',
      },
    });
    expect(await migrateDatabase(database, { folder })).toEqual(['0100_drop']);
    expect(await isValid(database, 'jobs_queued')).toBeUndefined();
  });

  it('that is marked -- concurrently takes only statements that can be repeated', async () => {
    const database = open(await freshUrl());
    const folder = await migrationFolder({
      later: { '0100_mixed': `${BUILD_INDEX}--> statement-breakpoint\n${ADD_COLUMN}` },
    });
    await expect(migrateDatabase(database, { folder })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/0100_mixed is marked -- concurrently, and has another statement: ALTER TABLE/),
    });
  });
});
