import { expect, it } from 'vitest';
import { migrateCommand } from '../../apps/cli/src/tools/migrate-command.ts';
import { createDatabase, type Database, migrateDatabase } from '../../packages/db/src/index.ts';
import { emptyUrl, freshUrl } from './harness.ts';
import { MIGRATIONS, migrationFolder } from './migration-folder.ts';

/** Runs `qwen-edit migrate` with these flags on a database. */
async function run(url: string, ...args: string[]) {
  const said = { out: '', err: '' };
  const code = await migrateCommand(args, {
    terminal: {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      errIsTty: false,
      columns: () => 80,
    },
    config: { migrateLockMs: 2000, migrateWaitMs: 600_000 },
    signal: new AbortController().signal,
    withDatabase: async <T>(work: (database: Database) => Promise<T>) => {
      const database = createDatabase({ url, max: 2 });
      return work(database).finally(() => database.close());
    },
  });
  return { code, ...said };
}

/** A database that has this program's migrations up to one of them, and so much data. */
async function migratedUntil(tag: string, jobs: number): Promise<string> {
  const url = await emptyUrl();
  const database = createDatabase({ url });
  await migrateDatabase(database, { folder: await migrationFolder({ until: tag }) });
  // Each row fills half a page, so that the table is large soon.
  await database.pool.query('alter table jobs alter column metadata set storage plain');
  await database.pool.query(
    `insert into jobs (id, owner, parameters, max_attempts, metadata)
     select 'job_' || i, 'ann', '{}', 3, jsonb_build_object('a', repeat('x', 3900)) from generate_series(1, $1::int) i`,
    [jobs],
  );
  await database.pool.query('analyze jobs');
  await database.close();
  return url;
}

it('a plan prints SQL, locks and sizes, and its exit code tells whether a statement holds the service up', async () => {
  const small = await run(await migratedUntil('0000_init', 10), '--plan');
  expect(small.code).toBe(0);
  expect(small.out).toContain('Applied: 1 migration, the newest is 0000_init.');
  expect(small.out).toMatch(
    /0001_queue_rank {2}\(expand; one transaction\)\n {3}1 {2}ALTER TABLE "jobs" ADD COLUMN "queue_rank"/,
  );
  expect(small.out).toMatch(
    /jobs \(10 rows, \d+ KiB\): ACCESS EXCLUSIVE; neither reads nor rewrites it; blocks reads and writes, for a moment/,
  );
  expect(small.out).toMatch(
    /jobs \(10 rows, \d+ KiB\): SHARE; reads all of it; blocks writes, for as long as it reads the table/,
  );
  expect(small.out).toContain('No statement holds the service up.');

  const large = await migratedUntil('0000_init', 20_000);
  const told = await run(large, '--plan');
  expect(told).toMatchObject({ code: 1, out: expect.stringContaining('1 statement holds the service up') });
  const json = JSON.parse((await run(large, '--plan', '--json')).out);
  expect(json).toMatchObject({ applied: ['0000_init'], holds_up: true, source: { kind: 'server' }, later: null });
  expect(json.pending[0]).toMatchObject({
    tag: '0001_queue_rank',
    in_transaction: true,
    statements: [
      { holds_up: false, tables: [{ table: 'jobs', locks: ['ACCESS EXCLUSIVE'], rows: 20_000 }] },
      { holds_up: true, tables: [{ table: 'jobs', locks: ['SHARE'], reads: true, blocks: 'writes', holds_up: true }] },
    ],
  });

  const applied = await run(large, '--json');
  expect(applied.code).toBe(0);
  expect(JSON.parse(applied.out)).toEqual({ applied: MIGRATIONS.slice(1), known: MIGRATIONS.at(-1), later: null });
  expect(applied.err).toMatch(/^0001_queue_rank: applied in \d/);
  expect(await run(large, '--plan')).toMatchObject({ code: 0, out: expect.stringContaining('Nothing is pending') });
});

it('a plan of a database that a later version has closed to this one ends with 1', async () => {
  const url = await freshUrl();
  const database = createDatabase({ url });
  const later = { '0100_later': '-- needs programs that know 0100_later\nALTER TABLE "jobs" DROP COLUMN "seed";' };
  await migrateDatabase(database, { folder: await migrationFolder({ later }) });
  await database.close();
  expect(await run(url, '--plan')).toMatchObject({ code: 1, out: expect.stringContaining('It must not be used') });
});

it.each([
  [['--lock-timeout', 'soon'], "--lock-timeout must be a number, got 'soon'"],
  [['--lock-timeout', '0'], '--lock-timeout must lie between 0.01 and 60 seconds'],
  [['--wait', '-1'], '--wait must lie between 0 and 86400 seconds'],
  [['--plane'], 'Did you mean --plan?'],
])('%s is refused with what is wrong', async (args, message) => {
  await expect(run('postgres://nobody@127.0.0.1:1/none', ...args)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(message),
  });
});
