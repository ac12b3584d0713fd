import { sql } from 'drizzle-orm';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database, type DatabaseOptions } from '../../packages/db/src/index.ts';
import { startTestApi, submitOne } from '../api/harness.ts';
import { until } from '../support/until.ts';
import { freshUrl } from './harness.ts';
import { atOnce } from './jobs.ts';
import { queryOnce } from './query.ts';

/** Longer than any test takes. */
const FOREVER_MS = 600_000;

/** A database that takes so many connections, as the limit of a role or a small server does. */
async function limitedUrl(connections: number): Promise<string> {
  const url = await freshUrl();
  await limit(url, connections);
  return url;
}
const limit = (url: string, connections: number) =>
  queryOnce(url, `alter database ${new URL(url).pathname.slice(1)} connection limit ${connections}`);

function open(url: string, options: Partial<DatabaseOptions> = {}): Database {
  const database = createDatabase({ url, waitMs: FOREVER_MS, ...options });
  onTestFinished(() => database.close());
  return database;
}

/** Another process that has this many connections; `end` gives them back. */
async function hold(url: string, connections: number): Promise<{ end(): Promise<void> }> {
  const clients = await atOnce(connections, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  });
  const end = async (): Promise<void> => void (await Promise.all(clients.map((client) => client.end())));
  onTestFinished(end);
  return { end };
}

it('60 submissions at once are all accepted where the database takes 3 connections', async () => {
  let told = 0;
  const database = open(await limitedUrl(3), { max: 10, onFull: () => told++ });
  const api = await startTestApi({ database });
  const jobs = await atOnce(60, () => submitOne(api));
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(60);
  expect(told).toBe(1);
});

it('60 submissions at once are all accepted on a pool of 2', async () => {
  const database = open(await freshUrl(), { max: 2 });
  const api = await startTestApi({ database });
  await atOnce(60, () => submitOne(api));
  expect(database.pool.totalCount).toBe(2);
});

it('a process without a connection gets one when another process gives one back', async () => {
  const url = await limitedUrl(3);
  const others = await hold(url, 3);
  const full = Promise.withResolvers<void>();
  const database = open(url, { onFull: full.resolve });
  const asking = atOnce(20, () => database.db.execute(sql`select 1`));
  await full.promise;
  await others.end();
  expect(await asking).toHaveLength(20);
});

it('a pool that was kept small grows again when there is room', async () => {
  const url = await limitedUrl(1);
  const database = open(url, { max: 4 });
  await atOnce(4, () => database.db.execute(sql`select pg_sleep(0.01)`));
  expect(database.pool.totalCount).toBe(1);
  await database.db.execute(sql.raw(`alter database ${new URL(url).pathname.slice(1)} connection limit 20`));
  await until(async () => {
    await atOnce(4, () => database.db.execute(sql`select pg_sleep(0.01)`));
    return database.pool.totalCount === 4;
  });
});

it('who has waited long enough is told that the database is full, and what to change', async () => {
  const url = await limitedUrl(1);
  await hold(url, 1);
  const database = open(url, { waitMs: 300 });
  const failing = Promise.allSettled(Array.from({ length: 5 }, () => database.check()));
  for (const each of await failing) {
    expect(each).toMatchObject({
      status: 'rejected',
      reason: { code: 'database_unavailable', hint: expect.stringContaining('DATABASE_POOL_SIZE') },
    });
  }
});

it('who waits for a connection is counted while it waits, and each wait is measured', async () => {
  const waits: number[] = [];
  const database = open(await freshUrl(), { max: 1, onWaited: (seconds) => waits.push(seconds) });
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const holding = database.transaction(async () => {
    entered.resolve();
    await leave.promise;
  });
  await entered.promise;
  const asking = atOnce(3, () => database.db.execute(sql`select 1`));
  await until(() => database.poolState().waiting === 3);
  expect(database.poolState()).toEqual({ used: 1, idle: 0, waiting: 3 });
  expect(waits).toHaveLength(1);
  leave.resolve();
  await Promise.all([holding, asking]);
  await until(() => database.poolState().idle === 1);
  expect(database.poolState()).toEqual({ used: 0, idle: 1, waiting: 0 });
  expect(waits).toHaveLength(4);
});

it('a wait that ends without a connection is measured too', async () => {
  const waits: number[] = [];
  const database = open(await freshUrl(), { max: 1, waitMs: 3000, onWaited: (seconds) => waits.push(seconds) });
  await database.transaction(async () => {
    await expect(database.db.execute(sql`select 1`)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(database.poolState().waiting).toBe(0);
  });
  expect(waits).toHaveLength(2);
  expect(waits[1]).toBeGreaterThanOrEqual(2.9);
});
