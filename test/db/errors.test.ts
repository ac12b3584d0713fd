import { inspect } from 'node:util';
import { AppError } from '@qwen-edit/contract';
import { eq, sql } from 'drizzle-orm';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createDatabase,
  type Database,
  type Db,
  newId,
  readJob,
  runTransaction,
  sqlState,
} from '../../packages/db/src/index.ts';
import { assets, workers } from '../../packages/db/src/schema.ts';
import { freshDatabase, freshUrl } from './harness.ts';
import { startProxy } from './proxy.ts';

const SECRET = 'a prompt that nobody else may read';
const WORKER = { id: SECRET, host: 'h', pid: 1, device: 'cpu' };

/** Every way in which a function of packages/db can send a statement. */
const STATEMENTS: Readonly<Record<string, (db: Db) => PromiseLike<unknown>>> = {
  'a statement in SQL': (db) => db.execute(sql`select ${SECRET} from workers`),
  'a select': (db) => db.select().from(workers).where(eq(workers.id, SECRET)),
  'a select of some columns': (db) => db.select({ id: workers.id }).from(workers).limit(1),
  'an insert': (db) => db.insert(workers).values(WORKER),
  'an insert that returns': (db) =>
    db
      .insert(workers)
      .values({ ...WORKER, id: newId('worker') })
      .returning(),
  'an update': (db) => db.update(workers).set({ host: SECRET }),
  'a delete': (db) => db.delete(workers).where(eq(workers.id, SECRET)),
  'a count': (db) => db.$count(workers, eq(workers.id, SECRET)),
  'a prepared select': (db) => db.select().from(workers).prepare('by_hand').execute(),
  'a subquery': (db) =>
    db
      .with(db.$with('w').as(db.select().from(workers)))
      .select()
      .from(workers),
};
const names = Object.keys(STATEMENTS);
const send = async (name: string, db: Db): Promise<unknown> => await STATEMENTS[name]?.(db);

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  );

/** The caller has translated nothing, and neither the error nor any of its causes holds a value of the statement. */
function expectAppError(thrown: unknown, code: string, what = ''): void {
  expect(thrown, what).toBeInstanceOf(AppError);
  expect(thrown, what).toMatchObject({ code });
  expect(inspect(thrown, { depth: 20, showHidden: true })).not.toContain(SECRET);
}

function open(url: string, options: { readonly max?: number; readonly waitMs?: number } = {}): Database {
  const database = createDatabase({ url, ...options });
  onTestFinished(() => database.close());
  return database;
}

describe('what fails in the database rejects with an AppError, whoever called it', () => {
  /** Sends each of the statements by itself and in a transaction. */
  async function expectAll({ db, transaction }: Database, code: string): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        expectAppError(await thrownBy(send(name, db)), code, name);
        expectAppError(await thrownBy(transaction((tx) => send(name, tx))), code, name);
      }),
    );
  }

  it('every kind of statement, when the server is gone', async () => {
    await expectAll(open('postgres://nobody@127.0.0.1:1/none'), 'database_unavailable');
  });

  it('every kind of statement, when the server ends its connection; afterwards all of them work', async () => {
    const proxy = await startProxy(await freshUrl());
    const database = open(proxy.url, { max: 1 });
    proxy.break('workers', 'reset');
    await expectAll(database, 'database_unavailable');
    proxy.heal();
    for (const name of names) expect(await send(name, database.db), name).toBeDefined();
  });

  it('every kind of statement, when all connections are taken', async () => {
    const database = await freshDatabase({ max: 1, waitMs: 2000 });
    const held = Promise.withResolvers<void>();
    const holder = database.transaction(() => held.promise);
    await expectAll(database, 'database_unavailable');
    held.resolve();
    await holder;
  });

  it('every kind of statement, when its table is missing', async () => {
    const database = await freshDatabase();
    await database.pool.query('drop table workers');
    await expectAll(database, 'migration_needed');
  });

  it.each(['begin', 'commit'])('%s of a transaction, when the server ends its connection', async (text) => {
    const proxy = await startProxy(await freshUrl());
    const { pool, transaction } = open(proxy.url, { max: 1 });
    proxy.break(text, 'reset');
    expectAppError(await thrownBy(transaction((tx) => tx.select().from(workers))), 'database_unavailable');
    expectAppError(await thrownBy(runTransaction(pool, () => Promise.resolve())), 'database_unavailable');
  });

  it('a function of the package, without a word of its own about errors', async () => {
    const { db } = open('postgres://nobody@127.0.0.1:1/none');
    expectAppError(await thrownBy(readJob(db, { id: SECRET })), 'database_unavailable');
  });
});

it('what a statement is refused for can still be asked, and is the only thing that the error tells', async () => {
  const { db } = await freshDatabase();
  const orphan = {
    id: newId('asset'),
    owner: SECRET,
    kind: 'output',
    key: SECRET,
    mediaType: SECRET,
    jobId: 'job_none',
  };
  const thrown = await thrownBy(
    db
      .insert(assets)
      .values({ ...orphan, kind: 'output' })
      .execute(),
  );
  expectAppError(thrown, 'internal');
  expect(sqlState(thrown)).toBe('23503');
});

it('the error of the work itself comes out of a transaction as it was thrown', async () => {
  const { transaction } = await freshDatabase();
  const mine = new AppError('queue_full', 'mine');
  expect(await thrownBy(transaction(() => Promise.reject(mine)))).toBe(mine);
});
