import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  createDatabase,
  type Database,
  migrateDatabase,
  migrationState,
  planMigrations,
  requireMigrated,
} from '../../packages/db/src/index.ts';
import { refuseUnfit } from '../../packages/db/src/migrations/fit-database.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { emptyUrl, freshUrl, type TestServer, useServer } from './harness.ts';
import { MIGRATIONS, migrationFolder, migrationText } from './migration-folder.ts';

function open(url: string): Database {
  const database = createDatabase({ url, max: 2 });
  onTestFinished(() => database.close());
  return database;
}

/** What migrate, its plan and every role's start say of a database; the roles' `code` may be another. */
async function expectRefused(database: Database, message: RegExp, hint: RegExp): Promise<void> {
  const refusal = {
    code: 'migration_needed',
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  };
  await expect(migrateDatabase(database)).rejects.toMatchObject(refusal);
  await expect(planMigrations(database)).rejects.toMatchObject(refusal);
}

const tables = async ({ pool }: Database): Promise<unknown[]> =>
  (await pool.query("select tablename from pg_tables where schemaname = 'public' order by 1")).rows.map(
    ({ tablename }) => tablename,
  );

describe('a database is refused, and left as it is,', () => {
  it('if it has tables of another program; with --shared both live in it', async () => {
    const database = open(await emptyUrl());
    await database.pool.query('create table orders (id int)');
    await expectRefused(database, /tables of another program: orders/, /--shared/);
    expect(await tables(database)).toEqual(['orders']);
    expect(await migrateDatabase(database, { shared: true })).toEqual(MIGRATIONS);
    // It is asked once.
    expect(await migrateDatabase(database)).toEqual([]);
    await requireMigrated(database);
  });

  it('if a table has a name of ours and nothing is noted of migrations, as after a restore without them', async () => {
    const database = open(await freshUrl());
    await database.pool.query('drop schema drizzle cascade');
    await expectRefused(database, /no note of its migrations: api_keys, assets.* more/, /without the schema drizzle/);
    await expect(migrateDatabase(database, { shared: true })).rejects.toMatchObject({ code: 'migration_needed' });
    await expect(requireMigrated(database)).rejects.toMatchObject({ code: 'migration_needed' });
  });

  it('if its notes are those of another project that uses drizzle', async () => {
    const database = open(await emptyUrl());
    await database.pool.query(`create schema drizzle;
      create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
      insert into drizzle.__drizzle_migrations (hash, created_at) values ('a', 1700000000000), ('b', 9000000000000)`);
    await expectRefused(database, /2 migrations of another program: 0000_init is not among them/, /DATABASE_URL/);
    await expect(requireMigrated(database)).rejects.toMatchObject({
      message: expect.stringContaining('another program'),
    });
    expect(await tables(database)).toEqual([]);
  });

  it('if one of its migrations has another content than ours of the same number', async () => {
    const database = open(await freshUrl());
    await database.pool.query(
      `update drizzle.__drizzle_migrations set hash = 'of a branch' where tag = '0003_webhook_lanes'`,
    );
    await expectRefused(database, /another migration 0003_webhook_lanes, applied by version \d/, /restore a backup/);
    await expect(requireMigrated(database)).rejects.toMatchObject({
      message: expect.stringContaining('0003_webhook_lanes'),
    });
  });

  it('if it has a migration between ours that nobody knows here', async () => {
    const database = open(await freshUrl());
    await database.pool.query(`insert into drizzle.__drizzle_migrations (hash, created_at, tag, version)
      select 'x', min(created_at) + 1, '0001_branch', '0.1.1' from drizzle.__drizzle_migrations`);
    await expectRefused(database, /the migration 0001_branch, applied by version 0\.1\.1/, /the version that applied/);
  });

  it('if a part of what was migrated is missing, as after a restore that ended early', async () => {
    for (const [lose, lost] of [
      ['drop table outbox', /lacks what they made: table outbox\.$/],
      ['drop table jobs cascade', /table jobs/],
      ['alter table jobs drop column failed_on', /column jobs\.failed_on/],
      ['drop index assets_input_content', /index assets_input_content/],
      [
        'alter table job_events drop constraint job_events_job_id_jobs_id_fk',
        /constraint job_events_job_id_jobs_id_fk/,
      ],
    ] as const) {
      const database = open(await freshUrl());
      await database.pool.query(lose);
      await expect(requireMigrated(database)).rejects.toMatchObject({
        code: 'migration_needed',
        message: expect.stringMatching(lost),
        hint: expect.stringContaining('Restore the whole backup'),
      });
      const folder = await migrationFolder({ later: { '0100_more': 'CREATE TABLE "more" ();' } });
      await expect(migrateDatabase(database, { folder })).rejects.toMatchObject({ code: 'migration_needed' });
      expect(await tables(database)).not.toContain('more');
    }
  });
});

it('an index that only makes queries fast may be missing, and files may have the line ends of Windows', async () => {
  const database = open(await freshUrl());
  await database.pool.query('drop index jobs_owner');
  await requireMigrated(database);
  const text = (await migrationText('0003_webhook_lanes')).replaceAll('\n', '\r\n');
  const hash = createHash('sha256').update(text).digest('hex');
  await database.pool.query(`update drizzle.__drizzle_migrations set hash = $1 where tag = '0003_webhook_lanes'`, [
    hash,
  ]);
  expect(await migrationState(database)).toMatchObject({ pending: [] });
});

it('a standby is refused, with what to do', async () => {
  const server = { version: 170_000, standby: true, read_only: true, schema: 'public', name: 'jobs' };
  const client = { query: () => Promise.resolve({ rows: [server] }) } as unknown as Parameters<typeof refuseUnfit>[0];
  await expect(refuseUnfit(client)).rejects.toMatchObject({
    code: 'database_refused',
    hint: expect.stringContaining('primary'),
  });
});

describe.each(await containerSuites(['on a server where users have fewer rights,']))('%s', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = useServer(await serviceAddress('postgres'));
  });
  afterAll(() => server?.close());

  /** The same database for a user of its own, who has what `grants` says. `ROLE` stands for the user's name. */
  async function asUser(url: string, grants: string): Promise<Database> {
    const role = `user_${Math.random().toString(36).slice(2)}`;
    const owner = open(url);
    await owner.pool.query(`create role ${role} login password 'p'; ${grants.replaceAll('ROLE', role)}`);
    onTestFinished(async () => {
      const again = createDatabase({ url });
      await again.pool.query(`drop owned by ${role}; drop role ${role}`);
      await again.close();
    });
    const address = new URL(url);
    address.username = role;
    address.password = 'p';
    return open(address.href);
  }

  it('who may make no tables is told which right is missing', async () => {
    const database = await asUser(await server.emptyUrl({ lasts: 'file' }), '');
    await expect(migrateDatabase(database)).rejects.toMatchObject({
      code: 'database_refused',
      message: expect.stringContaining('lacks a right'),
      hint: expect.stringContaining('own the database'),
    });
  });

  it('who may not read the notes of migrations is told so at the start of a role', async () => {
    const database = await asUser(await server.freshUrl({ lasts: 'file' }), '');
    await expect(requireMigrated(database)).rejects.toMatchObject({ code: 'database_refused' });
  });

  it('who is read-only is told how that is turned off', async () => {
    const url = await server.emptyUrl({ lasts: 'file' });
    const database = await asUser(url, 'alter role ROLE set default_transaction_read_only = on');
    await expect(migrateDatabase(database)).rejects.toMatchObject({
      code: 'database_refused',
      hint: expect.stringContaining('default_transaction_read_only off'),
    });
  });

  it('whose search_path leads elsewhere is told so, by migrate and at the start of a role', async () => {
    const url = await server.freshUrl({ lasts: 'file' });
    const rights = `grant usage on schema drizzle to ROLE; grant select on all tables in schema drizzle to ROLE;
      create schema other authorization ROLE; alter role ROLE set search_path = other`;
    const database = await asUser(url, rights);
    const hint = expect.stringContaining('remove search_path');
    await expect(migrateDatabase(database)).rejects.toMatchObject({ code: 'database_refused', hint });
    await expect(requireMigrated(database)).rejects.toMatchObject({ code: 'migration_needed', hint });
  });

  it('who may create no database gets the plan from an embedded server', async () => {
    const rights = 'grant usage on schema drizzle to ROLE; grant select on all tables in schema drizzle to ROLE';
    const database = await asUser(await server.freshUrl({ lasts: 'file' }), rights);
    const folder = await migrationFolder({ later: { '0100_later': 'CREATE INDEX "i" ON "jobs" ("seed")' } });
    const plan = await planMigrations(database, { folder });
    expect(plan).toMatchObject({
      source: 'embedded',
      pending: [{ statements: [{ tables: [{ table: 'jobs', locks: ['SHARE'], reads: true }] }] }],
    });
  });
});
