import { createQueueTable, type Database, QUEUE_CHANNEL, reapLeases, releaseJob, retryJob } from '@qwen-edit/db';
import { createPostgresQueue, type JobMessage, type JobQueue, type QueueTable } from '@qwen-edit/queue';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { freshUrl } from '../db/harness.ts';
import { ERROR, submitOrFail, tryClaim } from '../db/jobs.ts';
import { connect, openPostgres } from './drivers.ts';

const never = new AbortController().signal;
const HIDE_MS = 30_000;
/** No poll of a test: what comes, comes by a notification. */
const HOUR = 3_600_000;

let url: string;
let database: Database;
beforeEach(async () => {
  url = await freshUrl();
  database = connect(url);
});

const open = (pollMs = HOUR, table?: QueueTable): JobQueue =>
  openPostgres(database, { hideMs: HIDE_MS, pollMs, ...(table === undefined ? {} : { table }) });
const receive = (queue: JobQueue, max = 1, waitMs = 20_000): Promise<readonly JobMessage[]> =>
  queue.receive({ max, waitMs, signal: never });
const idsOf = (messages: readonly JobMessage[]): string[] => messages.map(({ jobId }) => jobId);

/** The table, and how many statements the queue has sent it. */
function counted(): { table: QueueTable; count: () => number } {
  const table = createQueueTable(database.db);
  let statements = 0;
  const counting =
    <A extends unknown[], R>(call: (...values: A) => R) =>
    (...values: A): R => {
      statements++;
      return call(...values);
    };
  return {
    table: {
      take: counting(table.take),
      hide: counting(table.hide),
      show: counting(table.show),
      send: counting(table.send),
      nextVisibleMs: counting(table.nextVisibleMs),
    },
    count: () => statements,
  };
}

async function listeners(): Promise<number[]> {
  const { rows } = await database.pool.query<{ pid: number }>(
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'qwen-edit queue'",
  );
  return rows.map(({ pid }) => pid);
}

/** Resolves when the queue LISTENs with another connection than these. */
async function listening(before: readonly number[] = []): Promise<number[]> {
  for (;;) {
    const { rows } = await database.pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and application_name = 'qwen-edit queue'
        and query ilike 'listen%' and state = 'idle' and not pid = any ($1)`,
      [before],
    );
    if (rows.length > 0) return rows.map(({ pid }) => pid);
  }
}

it('waiting at an empty queue costs a handful of statements, however many wait', async () => {
  const { table, count } = counted();
  const queue = open(undefined, table);
  const waits = Array.from({ length: 20 }, () => receive(queue, 1, 3000));
  expect((await Promise.all(waits)).flat()).toEqual([]);
  // Two statements for the first receivers, two for those that came meanwhile, two when listening has begun.
  expect(count()).toBeLessThanOrEqual(6);
});

it('without notifications it costs two statements a poll', async () => {
  const { table, count } = counted();
  expect(await receive(open(500, table), 1, 3000)).toEqual([]);
  expect(count()).toBeLessThanOrEqual(4 + 2 * 6);
});

it('all receivers of a queue share one connection beside the pool, and a queue that only sends has none', async () => {
  const sender = open();
  await sender.send([{ jobId: await submitOrFail(database), owner: 'ann' }]);
  expect(await listeners()).toEqual([]);
  const queue = open();
  await receive(queue);
  const waits = Array.from({ length: 5 }, () => receive(queue));
  await listening();
  expect(await listeners()).toHaveLength(1);
  await queue.close();
  expect((await Promise.all(waits)).flat()).toEqual([]);
  expect(await listeners()).toEqual([]);
});

it('a submitted job wakes a receiver', async () => {
  const queue = open();
  const waiting = receive(queue);
  await listening();
  const id = await submitOrFail(database);
  expect(idsOf(await waiting)).toEqual([id]);
});

it('a job that a stopping worker gives back wakes a receiver', async () => {
  const id = await submitOrFail(database);
  const queue = open();
  await receive(queue);
  const claim = await tryClaim(database, id);
  const waiting = receive(queue);
  await listening();
  if (claim.outcome === 'claimed') await releaseJob(database.db, claim.job.lease);
  expect(idsOf(await waiting)).toEqual([id]);
});

it('a job that waits for its retry comes when that is due', async () => {
  const id = await submitOrFail(database);
  const queue = open();
  const [message] = await receive(queue);
  const claim = await tryClaim(database, id);
  const waiting = receive(queue);
  await listening();
  if (claim.outcome === 'claimed') await retryJob(database.db, claim.job.lease, { error: ERROR, delayMs: 500 });
  await queue.release(message!, 500);
  expect(idsOf(await waiting)).toEqual([id]);
});

it('a notification brings only as much work as there is: one statement for all who wait', async () => {
  const { table, count } = counted();
  const queue = open(HOUR, table);
  const controller = new AbortController();
  const waits = Array.from({ length: 10 }, () => queue.receive({ max: 1, waitMs: HOUR, signal: controller.signal }));
  await listening();
  await receive(queue, 1, 0);
  const before = count();
  const id = await submitOrFail(database);
  expect(idsOf(await Promise.race(waits))).toEqual([id]);
  controller.abort();
  expect((await Promise.all(waits)).flat()).toHaveLength(1);
  // Two for the notification; two more if listening had only just begun.
  expect(count() - before).toBeLessThanOrEqual(4);
});

it('a listener that loses its connection finds what came meanwhile, and listens again', async () => {
  const queue = open();
  const waiting = receive(queue);
  const first = await listening();
  // As if its notification had gone to the lost connection: nobody is told.
  await database.pool.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [first]);
  const missed = await submitOrFail(database);
  expect(idsOf(await waiting)).toEqual([missed]);
  const again = receive(queue);
  await listening(first);
  const id = await submitOrFail(database);
  expect(idsOf(await again)).toEqual([id]);
});

it('a server that cannot be listened to is polled', async () => {
  const lines: string[] = [];
  const nowhere = connect('postgres://nobody@127.0.0.1:1/none');
  const queue = createPostgresQueue({
    table: createQueueTable(database.db),
    connect: () => nowhere.openDirect('qwen-edit queue'),
    channel: QUEUE_CHANNEL,
    hideMs: HIDE_MS,
    pollMs: 100,
    log: { info: (_, line) => lines.push(line), warn: (_, line) => lines.push(line) },
  });
  onTestFinished(() => queue.close());
  const waiting = receive(queue);
  const id = await submitOrFail(database);
  expect(idsOf(await waiting)).toEqual([id]);
  expect(idsOf(await receive(queue, 1, 1000))).toEqual([]);
  expect(lines).toEqual(['not listening to the queue; polling until that works again']);
});

it('a job whose row is locked by another is not asked for in a tight loop', async () => {
  const id = await submitOrFail(database);
  const { table, count } = counted();
  const queue = open(HOUR, table);
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('select from jobs where id = $1 for update', [id]);
    expect(await receive(queue, 1, 1500)).toEqual([]);
    expect(count()).toBeLessThanOrEqual(2 + 2 + 2 * 15);
    const waiting = receive(queue);
    await client.query('rollback');
    expect(idsOf(await waiting)).toEqual([id]);
  } finally {
    client.release();
  }
});

it('an acknowledgement that comes after the lease was lost does not hide the job', async () => {
  const id = await submitOrFail(database);
  const queue = open();
  const [message] = await receive(queue);
  await tryClaim(database, id, 1);
  await reapLeases(database.db, ERROR);
  await queue.ack(message!);
  await queue.extend(message!, HOUR);
  expect(idsOf(await receive(queue))).toEqual([id]);
});

it('sending a job again does not show it before its retry is due', async () => {
  const id = await submitOrFail(database);
  await database.pool.query(
    "update jobs set run_after = now() + interval '1 hour', visible_at = now() + interval '1 day'",
  );
  const queue = open();
  expect(await queue.send([{ jobId: id, owner: 'ann' }])).toEqual([true]);
  const ms = await createQueueTable(database.db).nextVisibleMs();
  expect(ms).toBeGreaterThan(HOUR - 60_000);
  expect(ms).toBeLessThanOrEqual(HOUR);
});

it('an acknowledged job is shown again by its next transition', async () => {
  const id = await submitOrFail(database);
  const queue = open();
  const [message] = await receive(queue);
  await queue.ack(message!);
  expect(await receive(queue, 1, 0)).toEqual([]);
  await tryClaim(database, id, 1);
  const waiting = receive(queue);
  await reapLeases(database.db, ERROR);
  expect(idsOf(await waiting)).toEqual([id]);
});
