import { once } from 'node:events';
import { AppError } from '@qwen-edit/contract';
import { sql } from 'drizzle-orm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database, type DatabaseOptions, runTransaction } from '../../packages/db/src/index.ts';
import { emptyUrl, freshDatabase } from './harness.ts';
import { type FaultyProxy, startDyingServer, startProxy } from './proxy.ts';

interface Trial {
  readonly database: Database;
  readonly proxy: FaultyProxy;
}

/** A database with one table, reached through a proxy by at most 2 connections. */
async function trial(options: Partial<DatabaseOptions> = {}): Promise<Trial> {
  const proxy = await startProxy(await emptyUrl());
  const database = createDatabase({ url: proxy.url, max: 2, ...options });
  onTestFinished(() => database.close());
  await database.pool.query('create table notes (id int primary key)');
  return { database, proxy };
}

const insert = (database: Database, id: number): Promise<unknown> =>
  database.transaction((tx) => tx.execute(sql`insert into notes values (${id})`));
const noted = async ({ pool }: Database): Promise<number[]> =>
  (await pool.query<{ id: number }>('select id from notes order by id')).rows.map(({ id }) => id);

/** The code of the AppError that a caller gets, without translating anything. */
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (thrown: unknown) => (thrown instanceof AppError ? thrown.code : `no AppError: ${String(thrown)}`),
  );

/** No slot is left over: everything that is open is idle, nobody waits, and as many transactions as ever fit. */
async function expectAllSlotsFree({ pool, transaction }: Database): Promise<void> {
  expect({ busy: pool.totalCount - pool.idleCount, waiting: pool.waitingCount }).toEqual({ busy: 0, waiting: 0 });
  const pids = await Promise.all(
    [1, 2].map(() =>
      transaction(async (tx) => {
        const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid, pg_sleep(0.05)`);
        return rows[0]?.pid;
      }),
    ),
  );
  expect(new Set(pids).size).toBe(2);
}

describe('no slot of the pool is lost', () => {
  it.each(['refuse', 'reset', 'answer_lost'] as const)('when BEGIN meets %s, ten times at once', async (fault) => {
    const { database, proxy } = await trial();
    proxy.break('begin', fault);
    const work = Array.from({ length: 10 }, (_, id) => insert(database, id));
    for (const each of await Promise.allSettled(work)) {
      // Nothing can have been committed that was not even begun.
      const reason = { code: 'database_unavailable', outcomeUnknown: false };
      expect(each).toMatchObject({ status: 'rejected', reason });
    }
    proxy.heal();
    await expectAllSlotsFree(database);
    expect(await noted(database)).toEqual([]);
  });

  it.each([
    ['refuse', []],
    ['reset', []],
    ['answer_lost', [1]],
  ] as const)('when COMMIT meets %s; the caller hears that the outcome is not known', async (fault, kept) => {
    const { database, proxy } = await trial();
    proxy.break('commit', fault);
    const work = insert(database, 1);
    await expect(work).rejects.toMatchObject({ code: 'database_unavailable', outcomeUnknown: fault !== 'refuse' });
    proxy.heal();
    await expectAllSlotsFree(database);
    await expect.poll(() => noted(database)).toEqual(kept);
  });

  it('when the work throws: everything is undone, and its own error comes out', async () => {
    const { database } = await trial();
    const mine = new Error('mine');
    const work = database.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values (1)`);
      throw mine;
    });
    await expect(work).rejects.toBe(mine);
    await expectAllSlotsFree(database);
    expect(await noted(database)).toEqual([]);
  });

  it('when the work throws and ROLLBACK fails: the connection is not used again', async () => {
    const { database, proxy } = await trial();
    proxy.break('rollback', 'reset');
    const work = database.transaction(() => Promise.reject(new Error('mine')));
    await expect(work).rejects.toThrow('mine');
    proxy.heal();
    await expectAllSlotsFree(database);
  });

  it('when a check that waits for COMMIT fails there', async () => {
    const { database } = await trial();
    await database.pool.query(
      'create table links (id int references notes deferrable initially deferred); insert into notes values (1)',
    );
    const work = database.transaction((tx) => tx.execute(sql`insert into links values (2)`));
    await expect(work).rejects.toMatchObject({
      ...{ name: 'AppError', code: 'internal', cause: { code: '23503' }, outcomeUnknown: false },
    });
    await expectAllSlotsFree(database);
  });

  it('when the server is not there', async () => {
    const database = createDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', max: 2 });
    expect(await codeOf(database.transaction(() => Promise.resolve()))).toBe('database_unavailable');
    expect(await codeOf(database.check())).toBe('database_unavailable');
    expect(database.pool).toMatchObject({ totalCount: 0, waitingCount: 0 });
    await database.close();
  });

  it('when all are taken: who waited too long hears it, and the next gets one', async () => {
    const { database } = await trial({ waitMs: 2000 });
    const held = Promise.withResolvers<void>();
    const holders = [1, 2].map(() => database.transaction(() => held.promise));
    expect(await codeOf(insert(database, 1))).toBe('database_unavailable');
    expect(database.pool.waitingCount).toBe(0);
    held.resolve();
    await Promise.all(holders);
    await expectAllSlotsFree(database);
  });

  it('when a statement takes longer than it may', async () => {
    const { database } = await trial({ statementTimeoutMs: 100 });
    const slow = database.transaction((tx) => tx.execute(sql`select pg_sleep(30)`));
    expect(await codeOf(slow)).toBe('database_unavailable');
    await expectAllSlotsFree(database);
  });

  it.each(['begin', 'insert', 'commit'])('when the other side falls silent at %s without a sign', async (text) => {
    const { database, proxy } = await trial({ answerTimeoutMs: 500 });
    proxy.break(text, 'silence');
    const codes = await Promise.all([1, 2, 3].map((id) => codeOf(insert(database, id))));
    expect(new Set(codes)).toEqual(new Set(['database_unavailable']));
    proxy.heal();
    await expectAllSlotsFree(database);
  });
});

describe('a connection that the server ends', () => {
  const end = (database: Database, pid: number | undefined) =>
    database.pool.query('select pg_terminate_backend($1)', [pid]);

  it('in the middle of a transaction fails it, undoes it, and leaves the process and the pool well', async () => {
    const database = await freshDatabase({ max: 2 });
    await database.pool.query('create table notes (id int primary key)');
    const between = runTransaction(database.pool, async (tx) => {
      await tx.execute(sql`insert into notes values (1)`);
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      // The break comes while no query is under way, as in a transaction that waits for something else.
      // The break may show as an error before it shows as an end; the other connection is to be free in both cases.
      await Promise.allSettled([once(clientOf(database, rows[0]?.pid), 'end'), end(database, rows[0]?.pid)]);
      await tx.execute(sql`insert into notes values (2)`);
    });
    expect(await codeOf(between)).toBe('database_unavailable');
    const within = database.transaction(async (tx) => {
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      const [slept] = await Promise.allSettled([tx.execute(sql`select pg_sleep(30)`), end(database, rows[0]?.pid)]);
      if (slept.status === 'rejected') throw slept.reason;
    });
    expect(await codeOf(within)).toBe('database_unavailable');
    await expectAllSlotsFree(database);
    expect(await noted(database)).toEqual([]);
  });

  it('between the last statement and COMMIT is an error, not a success', async () => {
    const database = await freshDatabase({ max: 2 });
    await database.pool.query('create table notes (id int primary key)');
    const work = database.transaction(async (tx) => {
      const { rows } = await tx.execute<{ pid: number }>(
        sql`with note as (insert into notes values (1)) select pg_backend_pid() as pid`,
      );
      // The break may show as an error before it shows as an end; the other connection is to be free in both cases.
      await Promise.allSettled([once(clientOf(database, rows[0]?.pid), 'end'), end(database, rows[0]?.pid)]);
    });
    expect(await codeOf(work)).toBe('database_unavailable');
    await expectAllSlotsFree(database);
    expect(await noted(database)).toEqual([]);
  });

  it('at the moment when it is handed out fails who wanted it, and not the process', async () => {
    const database = createDatabase({ url: await startDyingServer(), max: 2 });
    const work = () => database.transaction((tx) => tx.execute(sql`select 1`));
    expect(await Promise.all([codeOf(work()), codeOf(work()), codeOf(database.check())])).toEqual(
      Array(3).fill('database_unavailable'),
    );
    expect(database.pool).toMatchObject({ totalCount: 0, waitingCount: 0 });
    await database.close();
  });

  it('while it lies idle in the pool is reported, and replaced by the next call', async () => {
    const reported = Promise.withResolvers<AppError>();
    const database = await freshDatabase({ max: 2, onError: reported.resolve });
    const { rows } = await database.pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    const other = await freshDatabase({ max: 1 });
    await end(other, rows[0]?.pid);
    expect((await reported.promise).code).toBe('database_unavailable');
    await expectAllSlotsFree(database);
  });
});

it('COMMIT of a transaction whose failed statement was ignored is an error', async () => {
  const { database } = await trial();
  const work = database.transaction(async (tx) => {
    await tx.execute(sql`insert into notes values (1)`);
    await tx.execute(sql`select 1 / 0`).catch(() => undefined);
  });
  expect(await codeOf(work)).toBe('internal');
  await expect(work).rejects.toThrow('rolled back at its commit');
  await expectAllSlotsFree(database);
  expect(await noted(database)).toEqual([]);
});

it('closing waits for transactions in progress, and ends all connections', async () => {
  const { database } = await trial();
  const begun = Promise.withResolvers<void>();
  const work = database.transaction(async (tx) => {
    begun.resolve();
    await tx.execute(sql`select pg_sleep(0.2)`);
    return 'done';
  });
  await begun.promise;
  const [outcome] = await Promise.all([work, database.close(), database.close()]);
  expect(outcome).toBe('done');
  expect(database.pool.totalCount).toBe(0);
});

/** The pool's connection with this process id of the server. */
function clientOf({ pool }: Database, pid: number | undefined): NodeJS.EventEmitter {
  const { _clients: clients } = pool as unknown as { _clients: (NodeJS.EventEmitter & { processID: number })[] };
  return clients.find(({ processID }) => processID === pid)!;
}
