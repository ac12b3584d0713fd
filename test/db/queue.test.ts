import { describe, expect, it } from 'vitest';
import {
  countJobs,
  createQueueTable,
  type Database,
  nextVisibleMs,
  readJob,
  readNextStart,
  releaseJob,
  reportWorker,
  requestCancel,
  retryJob,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { atOnce, claimOrFail, ERROR, HOUR, OWNER, running, submitOrFail } from './jobs.ts';

async function submitInOrder(database: Database, n: number): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 0; each < n; each++) ids.push(await submitOrFail(database));
  return ids;
}
const position = async (database: Database, id: string) => (await readJob(database.db, { id }))?.queuePosition;

describe('taking from the Postgres queue', () => {
  it('gives the oldest first, never more than asked for, and nothing twice while it is hidden', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const ids = await submitInOrder(database, 5);
    const take = async (max: number) => (await queue.take({ max, hideMs: HOUR })).map(({ jobId }) => jobId);
    expect(await take(2)).toEqual(ids.slice(0, 2));
    expect(await take(10)).toEqual(ids.slice(2));
    expect(await take(10)).toEqual([]);
  });

  it('by 10 at once gives each job to one', async () => {
    const database = await freshDatabase({ max: 10 });
    const queue = createQueueTable(database.db);
    const ids = await submitInOrder(database, 40);
    const taken = await atOnce(10, () => queue.take({ max: 3, hideMs: HOUR }));
    const got = taken.flat().map(({ jobId }) => jobId);
    expect(taken.every((each) => each.length <= 3)).toBe(true);
    expect(new Set(got).size).toBe(got.length);
    expect(got.toSorted()).toEqual(ids.slice(0, got.length).toSorted());
    const rest = await queue.take({ max: 100, hideMs: HOUR });
    expect([...got, ...rest.map(({ jobId }) => jobId)].toSorted()).toEqual(ids.toSorted());
  });

  it('passes over a job that all who ask leave to another worker, and gives those behind it', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const [first = '', second = '', third = ''] = await submitInOrder(database, 3);
    const failAt = 'update jobs set failed_on = array[$2] where id = $1';
    await database.pool.query(failAt, [first, 'worker_a']);
    await database.pool.query(failAt, [second, 'worker_b']);
    const take = async (max: number, workers?: string[]) => {
      const taken = await queue.take({ max, hideMs: 0, ...(workers === undefined ? {} : { workers }) });
      return taken.map(({ jobId, leftBy }) => [jobId, ...leftBy]);
    };
    // Nobody is there to whom it could be left.
    expect(await take(1, ['worker_a'])).toEqual([[first]]);

    const row = { host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: true, model: null, lastError: null };
    for (const id of ['worker_a', 'worker_b']) await reportWorker(database.db, { id, ...row });
    expect(await take(1, ['worker_a'])).toEqual([[second, 'worker_b']]);
    expect(await take(1, ['worker_b'])).toEqual([[first, 'worker_a']]);
    expect(await take(3, ['worker_b'])).toEqual([[first, 'worker_a'], [third]]);
    expect(await take(3, ['worker_a', 'worker_b'])).toEqual([[first, 'worker_a'], [second, 'worker_b'], [third]]);
    expect(await take(3)).toHaveLength(3);

    await database.pool.query('delete from jobs where id <> $1', [first]);
    expect(await queue.nextVisibleMs(['worker_a'])).toBeUndefined();
    expect(await queue.nextVisibleMs(['worker_b'])).toBeLessThanOrEqual(0);
  });

  it('shows a job again when nobody has claimed it within its time', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const [id] = await submitInOrder(database, 1);
    expect(await queue.take({ max: 1, hideMs: 0 })).toHaveLength(1);
    expect(await queue.take({ max: 1, hideMs: 0 })).toMatchObject([{ jobId: id }]);
  });

  it('shows a job that was given back as a new message, whatever is said of the old one', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const id = await submitOrFail(database);
    const [old] = await queue.take({ max: 1, hideMs: HOUR });
    const { lease } = await claimOrFail(database, id);
    await releaseJob(database.db, lease);
    await queue.hide(old!, undefined);
    await queue.hide(old!, HOUR);
    const [renewed] = await queue.take({ max: 1, hideMs: HOUR });
    expect(renewed).toMatchObject({ jobId: id });
    expect(renewed?.receipt).not.toBe(old?.receipt);
    await queue.show(old!, 0);
    expect(await queue.take({ max: 1, hideMs: HOUR })).toEqual([]);
    await queue.show(renewed!, 0);
    expect(await queue.take({ max: 1, hideMs: HOUR })).toHaveLength(1);
  });

  it('does not show a retry before its delay, nor a job that ended', async () => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const lease = await running(database);
    await retryJob(database.db, lease, { error: ERROR, delayMs: HOUR });
    await requestCancel(database.db, { owner: OWNER, id: await submitOrFail(database) });
    expect(await queue.take({ max: 9, hideMs: 0 })).toEqual([]);
    const wait = await nextVisibleMs(database.db);
    expect(wait).toBeGreaterThan(HOUR - 60_000);
    expect(wait).toBeLessThanOrEqual(HOUR);
  });

  it('tells no time for a queue that is empty, or hides all of its jobs', async () => {
    const database = await freshDatabase();
    expect(await nextVisibleMs(database.db)).toBeUndefined();
    await submitOrFail(database);
    expect(await nextVisibleMs(database.db)).toBeLessThanOrEqual(0);
    const queue = createQueueTable(database.db);
    const [message] = await queue.take({ max: 1, hideMs: HOUR });
    await queue.hide(message!, undefined);
    expect(await nextVisibleMs(database.db)).toBeUndefined();
  });

  it.each(['send', 'show', 'release'])('%s wakes receivers', async (what) => {
    const database = await freshDatabase();
    const queue = createQueueTable(database.db);
    const id = await submitOrFail(database);
    const [message] = await queue.take({ max: 1, hideMs: HOUR });
    const { lease } = what === 'release' ? await claimOrFail(database, id) : { lease: undefined };
    const listener = await database.pool.connect();
    await listener.query('listen qwen_edit_queue');
    const woken = new Promise((resolve) => listener.once('notification', resolve));
    if (what === 'send') await queue.send([id]);
    else if (what === 'show') await queue.show(message!, HOUR);
    else await releaseJob(database.db, lease!);
    await woken;
    listener.release(true);
  });
});

describe('the place in the queue', () => {
  it('counts from 0 the jobs that are to be taken before, and is told of waiting jobs only', async () => {
    const database = await freshDatabase();
    const ids = await submitInOrder(database, 4);
    expect(await Promise.all(ids.map((id) => position(database, id)))).toEqual([0, 1, 2, 3]);
    await claimOrFail(database, ids[1]!);
    await requestCancel(database.db, { owner: OWNER, id: ids[0]! });
    expect(await Promise.all(ids.map((id) => position(database, id)))).toEqual([undefined, undefined, 0, 1]);
  });

  it('is counted to 10,000 at most, and costs no more for a long list', async () => {
    const database = await freshDatabase();
    await database.pool.query(
      `insert into jobs (id, owner, parameters, max_attempts, queue_rank, event_seq)
       select 'job_' || lpad(n::text, 6, '0'), 'ann', '{}', 3, now() - interval '1 hour' + n * interval '1 ms', 1
       from generate_series(0, 10050) n`,
    );
    expect(await position(database, 'job_000003')).toBe(3);
    expect(await position(database, 'job_009999')).toBe(9999);
    expect(await position(database, 'job_010050')).toBe(10_000);
  });

  it('and the guess of its end follow from the last jobs and the number of workers', async () => {
    const database = await freshDatabase();
    await database.pool.query(
      `insert into jobs (id, owner, status, parameters, max_attempts, started_at, completed_at)
       select 'job_' || n, 'bob', 'succeeded', '{}', 3, now() - interval '10 seconds', now() from generate_series(1, 3) n;
       insert into workers (id, host, pid, device, ready) values ('a', 'h', 1, 'cpu', true), ('b', 'h', 1, 'cpu', true)`,
    );
    const ids = await submitInOrder(database, 3);
    const guesses = await Promise.all(ids.map(async (id) => (await readJob(database.db, { id }))?.etaSeconds));
    expect(guesses).toEqual([10, 10, 20].map((seconds) => expect.closeTo(seconds, 3)));
  });

  it('and the guess of its end count what running jobs may still take, and only workers that were heard of', async () => {
    const database = await freshDatabase();
    await database.pool.query(
      `insert into jobs (id, owner, status, parameters, max_attempts, started_at, completed_at)
       select 'job_' || n, 'bob', 'succeeded', '{}', 3, now() - interval '10 seconds', now() from generate_series(1, 3) n;
       insert into workers (id, host, pid, device, ready, heartbeat_at) values
         ('a', 'h', 1, 'cpu', true, now()), ('b', 'h', 1, 'cpu', true, now()), ('c', 'h', 1, 'cpu', false, now()),
         ('dead', 'h', 1, 'cpu', true, now() - interval '1 hour')`,
    );
    const ids = await submitInOrder(database, 5);
    await claimOrFail(database, ids[0]!);
    await claimOrFail(database, ids[1]!);
    // The first has made 3 of 4 steps in 6 seconds, of the second nothing is known but its beginning.
    await database.pool.query(
      `update jobs set stage = 'denoise', step = 3, total = 4, stage_started_at = now() - interval '6 seconds',
         started_at = now() - interval '8 seconds' where id = '${ids[0]}';
       update jobs set stage = 'encode', started_at = now() - interval '3 seconds' where id = '${ids[1]}'`,
    );
    const guesses = await Promise.all(ids.map(async (id) => (await readJob(database.db, { id }))?.etaSeconds));
    expect(guesses).toEqual([2, 7, 12, 17, 22].map((seconds) => expect.closeTo(seconds, 0)));
    expect(await readNextStart(database.db)).toBeCloseTo(2, 0);
    await database.pool.query(`update workers set ready = false`);
    expect(await readNextStart(database.db)).toBeUndefined();
  });

  it('is told without a guess while no job has succeeded', async () => {
    const database = await freshDatabase();
    const [first, second] = await submitInOrder(database, 2);
    await claimOrFail(database, first!);
    expect((await readJob(database.db, { id: first! }))?.etaSeconds).toBeUndefined();
    expect(await readJob(database.db, { id: second! })).toMatchObject({ queuePosition: 0, etaSeconds: undefined });
    expect(await readNextStart(database.db)).toBeUndefined();
  });
});

it('what waits and what runs is counted, with the age of what has waited longest', async () => {
  const database = await freshDatabase();
  expect(await countJobs(database.db)).toEqual({ queued: 0, running: 0, oldestQueuedSeconds: 0 });
  const [old] = await submitInOrder(database, 3);
  await database.pool.query(`update jobs set run_after = now() - interval '90 seconds' where id = $1`, [old]);
  await retryJob(database.db, await running(database), { error: ERROR, delayMs: HOUR });
  await running(database);
  const counts = await countJobs(database.db);
  expect(counts).toMatchObject({ queued: 4, running: 1 });
  expect(counts.oldestQueuedSeconds).toBeGreaterThanOrEqual(90);
  expect(counts.oldestQueuedSeconds).toBeLessThan(150);
});
