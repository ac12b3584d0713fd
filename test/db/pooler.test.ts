import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  claimJob,
  createDatabase,
  createQueueTable,
  type Database,
  type Db,
  migrateDatabase,
  newToken,
  planMigrations,
  QUEUE_CHANNEL,
} from '../../packages/db/src/index.ts';
import { createPostgresQueue } from '../../packages/queue/src/index.ts';
import { startTestApi, submitOne } from '../api/harness.ts';
import { depsOf, start } from '../dispatcher/harness.ts';
import { startReceiver } from '../dispatcher/receiver.ts';
import { serviceAddress } from '../services.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith } from '../worker/engine-double.ts';
import { createTestSetup, expectConsistent, startWorkers } from '../worker/harness.ts';
import { perform, type SharedState, scripts, submitAct } from './actors.ts';
import { emptyUrl, freshUrl } from './harness.ts';
import { atOnce } from './jobs.ts';
import { MIGRATIONS, migrationFolder } from './migration-folder.ts';
import { findPoolers, type RunningPooler, systemPooler } from './pgbouncer.ts';
import { expectEndOfAll, expectTruth } from './truth.ts';

/** So few that transactions of one client run on many of them, and those of many clients on one. */
const SERVER_CONNECTIONS = 3;
const CLIENTS = 12;

it('a server that is asked directly is no pooler, and keeps its names', async () => {
  const database = open(await freshUrl());
  expect(await database.facts()).toMatchObject({ pooled: false, namedStatements: true, statementTimeoutMs: 30_000 });
});

const poolers = await findPoolers();

describe.each(poolers)('behind $name in transaction mode', ({ start: startPooler, followsNames }) => {
  let pooler: RunningPooler;
  beforeAll(async () => {
    const { url } = await serviceAddress('embedded-postgres');
    pooler = await startPooler({ url, serverConnections: SERVER_CONNECTIONS });
  });
  afterAll(() => pooler?.stop());

  const through = (url: string, options = {}): Database => open(pooler.through(url), { max: CLIENTS, ...options });

  it('it is noticed, with what it can do, although it refuses parameters at the start', async () => {
    const database = through(await freshUrl());
    expect(await database.facts()).toMatchObject({
      pooled: true,
      namedStatements: followsNames,
      statementTimeoutMs: 0,
    });
  });

  it('a transaction has its time limits, and leaves none behind', async () => {
    // Long enough for a busy machine to send the next statement of a transaction.
    const database = through(await freshUrl(), { statementTimeoutMs: 5000 });
    const limits = sql<{ limits: string }>`select current_setting('statement_timeout') || ' '
      || current_setting('idle_in_transaction_session_timeout') as limits`;
    const within = await atOnce(CLIENTS, () => database.transaction((tx) => tx.execute(limits)));
    expect(new Set(within.map(({ rows }) => rows[0]?.limits))).toEqual(new Set(['5s 5s']));
    const slow = database.transaction((tx) => tx.execute(sql`select pg_sleep(60)`));
    await expect(slow).rejects.toMatchObject({ code: 'database_unavailable', cause: { code: '57014' } });
    const outside = await atOnce(CLIENTS, () => database.db.execute(limits));
    expect(new Set(outside.map(({ rows }) => rows[0]?.limits))).toEqual(new Set(['0 0']));
  });

  it('any company of actors does to jobs what they are told, on connections that change below them', async () => {
    const database = through(await freshUrl());
    await fc.assert(
      fc.asyncProperty(scripts, async (company) => {
        await database.pool.query('delete from jobs; delete from assets');
        const stage: SharedState = { database, jobs: [], leases: [], told: [] };
        for (let n = 0; n < 4; n++) await submitAct(stage, { job: n, lease: 0, flag: n % 2 === 0, n });
        await perform(stage, company, () => false);
        await expectTruth(stage, { allHeard: true });
        await expectEndOfAll(stage);
      }),
      { numRuns: 3, endOnFailure: true },
    );
    const pids = await atOnce(CLIENTS, () =>
      database.transaction(
        async (tx) => (await tx.execute(sql`select pg_backend_pid() as pid, pg_sleep(0.02)`)).rows[0]?.pid,
      ),
    );
    expect(database.pool.totalCount).toBe(CLIENTS);
    expect(new Set(pids).size).toBeLessThanOrEqual(SERVER_CONNECTIONS);
  });

  it('of several that migrate at once each migration is applied by one, without an address of the server itself', async () => {
    const url = await emptyUrl();
    const applied = await atOnce(4, () => migrateDatabase(through(url)));
    expect(applied.flat().sort()).toEqual(MIGRATIONS);
    expect(await migrateDatabase(through(url))).toEqual([]);
  });

  it('an index is built outside of a transaction at the address of the server itself only', async () => {
    const url = await freshUrl();
    const later = { '0100_index': '-- concurrently\nCREATE INDEX CONCURRENTLY "jobs_seed" ON "jobs" ("seed");' };
    const folder = await migrationFolder({ later });
    await expect(migrateDatabase(through(url), { folder })).rejects.toMatchObject({
      code: 'database_refused',
      hint: expect.stringContaining('DATABASE_DIRECT_URL'),
    });
    expect(await migrateDatabase(through(url, { directUrl: url }), { folder })).toEqual(['0100_index']);
  });

  it('what waits for a lock says who holds it', async () => {
    const url = await freshUrl();
    const folder = await migrationFolder({ later: { '0100_more': 'ALTER TABLE "jobs" ADD COLUMN "more" integer;' } });
    const reader = await open(url).pool.connect();
    await reader.query('begin; select from jobs');
    await expect(migrateDatabase(through(url), { folder, lockTimeoutMs: 200, waitMs: 0 })).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringMatching(/pid \d+ .*idle in transaction/),
    });
    reader.release(true);
  });

  it('a plan is made from what a server does, without an address of the server itself', async () => {
    const folder = await migrationFolder({ later: { '0100_more': 'ALTER TABLE "jobs" ADD COLUMN "more" integer;' } });
    const plan = await planMigrations(through(await freshUrl()), { folder });
    expect(plan).toMatchObject({ source: 'server', pending: [{ tag: '0100_more' }] });
  });

  it('API, workers and dispatcher bring all jobs to their end: claimed, kept, taken back, committed, told', async () => {
    const base = await createTestSetup();
    const database = through(base.url);
    const queue = createPostgresQueue({
      table: createQueueTable(database.db),
      connect: undefined,
      channel: QUEUE_CHANNEL,
      hideMs: 500,
      pollMs: 100,
    });
    onTestFinished(() => queue.close());
    const setup = { ...base, workerDatabase: database, queue };
    const api = await startTestApi({ database, wrapStore: () => base.store, allowPrivateUrls: true });
    const receiver = await startReceiver();
    const jobs = await atOnce(20, () => submitOne(api, { webhook_url: receiver.url }));
    // Two have a worker that is gone: their leases end at once.
    for (const { id } of jobs.slice(0, 2)) {
      await claimJob(database.db, id, { token: newToken(), workerId: 'worker_gone', leaseMs: 1 });
    }
    start(depsOf(setup));
    const slots = [1, 2, 3].map(() => ({ device: 'cpu', gpuId: null }) as const);
    startWorkers(
      setup,
      createEngines(async ({ hooks }) => {
        hooks.onStep?.({ stage: 'denoise', step: 1, total: 1 });
        return resultWith('edited');
      }),
      {},
      slots,
    );
    await until(() => receiver.received.length === jobs.length);
    const bodies = receiver.received.map(({ body }) => JSON.parse(body) as { type: string; data: { id: string } });
    expect(new Set(bodies.map(({ data }) => data.id))).toEqual(new Set(jobs.map(({ id }) => id)));
    expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(['job.succeeded']));
    await expectConsistent(setup);
  });

  it('receivers that have an address of the server itself are woken there', async () => {
    const url = await freshUrl();
    const database = through(url, { directUrl: url });
    const queue = createPostgresQueue({
      table: createQueueTable(database.db),
      connect: () => database.openDirect('qwen-edit queue'),
      channel: QUEUE_CHANNEL,
      hideMs: 500,
      // No poll of this test: what comes, comes by a notification.
      pollMs: 3_600_000,
    });
    onTestFinished(() => queue.close());
    const waiting = queue.receive({ max: 1, waitMs: 60_000, signal: new AbortController().signal });
    const direct = open(url);
    await until(async () => {
      const { rows } = await direct.pool.query(
        `select from pg_stat_activity where datname = current_database() and query ilike 'listen%' and state = 'idle'`,
      );
      return rows.length === 1;
    });
    const stage: SharedState = { database, jobs: [], leases: [], told: [] };
    await submitAct(stage, { job: 0, lease: 0, flag: false, n: 0 });
    // The API does this after the transaction, on a connection of the pooler.
    expect((await waiting).map(({ jobId }) => jobId)).toEqual(stage.jobs);
  });
});

it('a pooler that is told to ignore parameters at the start is noticed all the same', async () => {
  const kind = await systemPooler();
  if (kind === undefined) return;
  const { url } = await serviceAddress('embedded-postgres');
  const pooler = await kind.start({
    url,
    serverConnections: 1,
    lines: ['ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout'],
  });
  onTestFinished(() => pooler.stop());
  const database = open(pooler.through(await freshUrl()));
  expect(await database.facts()).toMatchObject({ pooled: true, statementTimeoutMs: 0 });
  const limit = await database.transaction((tx) => tx.execute(sql`show statement_timeout`));
  expect(limit.rows).toEqual([{ statement_timeout: '30s' }]);
});

describe('a named statement that got lost is sent again without its name, and no other gets one', () => {
  const text = 'select 1 as n';
  const ask = (db: Db): Promise<unknown[]> => db.execute(sql.raw(text)).then(({ rows }) => rows);
  const named = async ({ pool }: Database): Promise<number | null> =>
    (await pool.query('select from pg_prepared_statements where from_sql = false')).rowCount;

  async function onOneConnection(): Promise<Database> {
    const database = open(await freshUrl(), { max: 1 });
    expect(await database.facts()).toMatchObject({ namedStatements: true });
    return database;
  }

  it('because the connection does not know it', async () => {
    const database = await onOneConnection();
    await ask(database.db);
    expect(await named(database)).toBe(1);
    await database.pool.query('deallocate all');
    expect(await ask(database.db)).toEqual([{ n: 1 }]);
    expect(await ask(database.db)).toEqual([{ n: 1 }]);
    expect(await named(database)).toBe(0);
  });

  it('because another has taken its name', async () => {
    const database = await onOneConnection();
    const name = createHash('sha256').update(text).digest('base64url');
    await database.pool.query(`prepare "${name}" as select 2 as n`);
    expect(await ask(database.db)).toEqual([{ n: 1 }]);
    expect(await database.facts()).toMatchObject({ namedStatements: false });
  });

  it('within a transaction, which fails as one that may be tried again', async () => {
    const database = await onOneConnection();
    await ask(database.db);
    await database.pool.query('deallocate all');
    await expect(database.transaction(ask)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await database.transaction(ask)).toEqual([{ n: 1 }]);
  });
});

function open(url: string, options = {}): Database {
  const database = createDatabase({ url, ...options });
  onTestFinished(() => database.close());
  return database;
}
