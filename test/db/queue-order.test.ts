import { describe, expect, it } from 'vitest';
import {
  createQueueTable,
  type Database,
  nextVisibleMs,
  readJob,
  reapLeases,
  releaseJob,
  resendQueued,
  retryJob,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { claimOrFail, ERROR, expireLease, HOUR, submitOrFail } from './jobs.ts';

async function submitInOrder(database: Database, n: number): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 0; each < n; each++) ids.push(await submitOrFail(database));
  return ids;
}
const positions = (database: Database, ids: readonly string[]): Promise<unknown[]> =>
  Promise.all(ids.map(async (id) => (await readJob(database.db, { id }))?.queuePosition));
const takenBy = async (database: Database, hideMs: number, max = 9): Promise<string[]> =>
  (await createQueueTable(database.db).take({ max, hideMs })).map(({ jobId }) => jobId);
const resent = async (database: Database, limit: number): Promise<string[]> => {
  await resendQueued(database.db, -1000, limit);
  return (await takeOutbox(database.db, 9, HOUR)).map(({ jobId }) => jobId);
};

describe('the rank of a queued job is its place everywhere', () => {
  it.each(['a queue on its own', 'a relayed queue'])('a job whose rank is lowered comes first, in %s', async (kind) => {
    const database = await freshDatabase();
    const [first, second, third] = await submitInOrder(database, 3);
    const ids = [first!, second!, third!];
    expect(await positions(database, ids)).toEqual([0, 1, 2]);
    await database.pool.query(`update jobs set queue_rank = queue_rank - interval '1 day' where id = $1`, [third]);
    expect(await positions(database, ids)).toEqual([1, 2, 0]);
    if (kind === 'a relayed queue') {
      expect(await resent(database, 1)).toEqual([third]);
      expect(await resent(database, 9)).toEqual([first, second]);
    } else {
      expect(await takenBy(database, HOUR, 1)).toEqual([third]);
      expect(await takenBy(database, HOUR)).toEqual([first, second]);
    }
  });

  it('jobs of the same rank stand in the order of their ids', async () => {
    const database = await freshDatabase();
    const ids = await submitInOrder(database, 3);
    await database.pool.query('update jobs set queue_rank = now()');
    expect(await positions(database, ids)).toEqual([0, 1, 2]);
    expect(await resent(database, 9)).toEqual(ids);
    expect(await takenBy(database, HOUR)).toEqual(ids);
  });

  it('the time from which a job is shown does not change its place', async () => {
    const database = await freshDatabase();
    const ids = await submitInOrder(database, 3);
    await database.pool.query(`update jobs set visible_at = now() - interval '1 day' where id = $1`, [ids[2]]);
    expect(await positions(database, ids)).toEqual([0, 1, 2]);
    expect(await takenBy(database, 0)).toEqual(ids);
  });
});

describe('a job keeps its place', () => {
  it('while it is hidden, and when it is shown again', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const ids = await submitInOrder(database, 3);
    const [message] = await queue.take({ max: 1, hideMs: HOUR });
    expect(await positions(database, ids)).toEqual([0, 1, 2]);
    expect(await takenBy(database, 0)).toEqual(ids.slice(1));
    await queue.hide(message!, undefined);
    expect(await positions(database, ids)).toEqual([0, 1, 2]);
    await queue.show(message!, 0);
    expect(await takenBy(database, 0)).toEqual(ids);
    await queue.send([ids[1]!]);
    expect(await takenBy(database, 0)).toEqual(ids);
  });

  it('when nobody has claimed it within its time', async () => {
    const database = await freshDatabase();
    const ids = await submitInOrder(database, 2);
    expect(await takenBy(database, 0, 1)).toEqual(ids.slice(0, 1));
    expect(await takenBy(database, 0)).toEqual(ids);
  });
});

describe('a job goes to the end of the queue', () => {
  it.each(['retried', 'released', 'reaped'])('when it is %s', async (how) => {
    const database = await freshDatabase();
    const [first, second] = await submitInOrder(database, 2);
    const { lease } = await claimOrFail(database, first!);
    if (how === 'retried') await retryJob(database.db, lease, { error: ERROR, delayMs: 0 });
    if (how === 'released') await releaseJob(database.db, lease);
    if (how === 'reaped') {
      await expireLease(database, first!);
      await reapLeases(database.db, ERROR);
    }
    const third = await submitOrFail(database);
    expect(await positions(database, [first!, second!, third])).toEqual([1, 0, 2]);
    expect(await takenBy(database, HOUR)).toEqual([second, first, third]);
  });

  it('that will be there when the delay of its retry is over', async () => {
    const database = await freshDatabase();
    const [first, second] = await submitInOrder(database, 2);
    await retryJob(database.db, (await claimOrFail(database, first!)).lease, { error: ERROR, delayMs: HOUR });
    const third = await submitOrFail(database);
    expect(await positions(database, [first!, second!, third])).toEqual([2, 0, 1]);
    expect(await takenBy(database, HOUR)).toEqual([second, third]);
  });
});

it('the next time at which a job is shown is found wherever that job stands', async () => {
  const database = await freshDatabase();
  const [first, last] = await submitInOrder(database, 2);
  await database.pool.query(`update jobs set visible_at = 'infinity' where id = $1`, [first]);
  await database.pool.query(`update jobs set visible_at = now() + interval '1 hour' where id = $1`, [last]);
  const wait = await nextVisibleMs(database.db);
  expect(wait).toBeGreaterThan(HOUR - 60_000);
  expect(wait).toBeLessThanOrEqual(HOUR);
});

it('a job of a version that does not know ranks stands where it was submitted', async () => {
  const database = await freshDatabase();
  const first = await submitOrFail(database);
  // As the version before writes it: the column has a default.
  await database.pool.query(
    `insert into jobs (id, owner, parameters, max_attempts, event_seq) values ('job_old', 'ann', '{}', 3, 1)`,
  );
  const last = await submitOrFail(database);
  expect(await positions(database, [first, 'job_old', last])).toEqual([0, 1, 2]);
});
