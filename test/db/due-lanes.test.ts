import { expect, it } from 'vitest';
import { receiverInSql, receiverOf } from '../../packages/db/src/deliveries/receiver-of.ts';
import { sql } from '../../packages/db/src/drizzle.ts';
import {
  assignLanes,
  type Database,
  type Db,
  type DueLane,
  redeliver,
  takeDeliveries,
} from '../../packages/db/src/index.ts';
import { endedJobs, recordTry, takeDue } from './deliveries.ts';
import { freshDatabase } from './harness.ts';
import { atOnce, HOUR, OWNER } from './jobs.ts';

const BUSY = 60_000;

interface ExplainRow extends Record<string, unknown> {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: Readonly<Record<string, number>> }];
}

/** The same database, that counts the pages which each statement of a transaction reads. */
function countingPages(database: Database, pages: number[]): Database {
  const counting = (tx: Db): Db =>
    new Proxy(tx, {
      get(target, name) {
        if (name !== 'execute') return Reflect.get(target, name);
        return async (query: Parameters<Db['execute']>[0]) => {
          const { rows } = await target.execute<ExplainRow>(sql`explain (analyze, buffers, format json) ${query}`);
          const { Plan } = rows[0]!['QUERY PLAN'][0];
          pages.push(Plan['Shared Hit Blocks']! + Plan['Shared Read Blocks']!);
          return target.execute(query);
        };
      },
    });
  return { ...database, transaction: (work) => database.transaction((tx) => work(counting(tx))) };
}

it('a look for due webhooks reads some pages for each receiver, however many are due to a busy one', async () => {
  const database = await freshDatabase();
  const others = Array.from({ length: 20 }, (_, i) => `https://other-${i}.example/`);
  const [jobId] = await endedJobs(database, ['https://busy.example/', ...others]);
  await assignLanes(database.db, 1000);
  // A plan of now, with a nearly empty table, must do for what comes.
  await database.pool.query('analyze webhook_deliveries');
  expect(await takeDue(database, { lockMs: 0 })).toHaveLength(21);
  await database.pool.query(
    `insert into webhook_deliveries (id, job_id, event_seq, event_type, url, owner, receiver)
    select 'msg_' || n, $1, n, 'job.canceled', 'https://busy.example/', $2, 'https://busy.example'
    from generate_series(3, $3) as n`,
    [jobId, OWNER, BUSY],
  );

  const pages: number[] = [];
  const choose = (due: readonly DueLane[]) => due.map((lane) => ({ lane, count: 4 }));
  const { taken, due } = await takeDeliveries(countingPages(database, pages), { choose, lockMs: HOUR });
  expect(due).toBe(21);
  // EXPLAIN ANALYZE has taken as many before, and all of the others.
  expect(taken.map(({ lane }) => lane.receiver)).toEqual(Array(4).fill('https://busy.example'));
  const [, look, take] = pages;
  // One read of the whole table would be some 1,500 pages for each lane.
  expect(look).toBeLessThan(21 * 15);
  expect(take).toBeLessThan(24 * 50);
}, 60_000);

it('a delivery that any version wrote is found, in the lane of its owner and receiver, and again after a manual retry', async () => {
  const database = await freshDatabase();
  await endedJobs(database, ['https://a.example/x', 'HTTPS://user@A.example:443/y', 'http://a.example/z']);
  await endedJobs(database, ['https://a.example/x'], 'bob');
  const taken = await takeDue(database, { count: 1 });
  expect(taken.map(({ lane }) => `${lane.owner} ${lane.receiver}`).toSorted()).toEqual([
    'ann http://a.example',
    'ann https://a.example',
    'bob https://a.example',
  ]);
  expect(await takeDue(database)).toHaveLength(1);
  expect(await takeDue(database)).toEqual([]);

  const mine = taken.find(({ lane }) => lane.owner === OWNER)!;
  const attempt = { at: new Date().toISOString(), status: 500, duration_ms: 1, error: null };
  await recordTry(database, mine.id, attempt, { status: 'failed' });
  expect(await redeliver(database.db, { owner: OWNER, id: mine.id })).toBe(true);
  expect(await takeDue(database)).toMatchObject([{ id: mine.id, attempt: 0, lane: { standing: 'quick' } }]);
});

it('lanes are given by 6 at once without waiting for each other, and what one has taken no other takes', async () => {
  const database = await freshDatabase();
  const urls = Array.from({ length: 300 }, (_, i) => `https://r${i % 7}.example/`);
  const ids = await endedJobs(database, urls);
  const taken = (await atOnce(6, () => takeDue(database, { count: 10 }))).flat();
  for (let more = await takeDue(database); more.length > 0; more = await takeDue(database)) taken.push(...more);
  expect(taken.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
});

it('the receiver that SQL reads off a URL is that of the parser, or is left to it', async () => {
  const database = await freshDatabase();
  const plain = [
    'https://hooks.example',
    'https://hooks.example/a/b?c#d',
    'http://localhost:8080/x',
    'http://a-1.b.example:8080',
    'https://hooks.example?x=https://other.example:443/',
    'http://hooks.example:443/',
    'https://hooks.example:8443/#@other.example',
  ];
  const odd = [
    'https://hooks.example:443/x',
    'http://hooks.example:80',
    'HTTPS://hooks.example/',
    'https://Hooks.example/',
    'https://user@hooks.example/',
    'https://user:pass@hooks.example/',
    'https://hooks.example./',
    'https://hooks.example:0443/',
    'https://hooks.example:/',
    'https:\\\\hooks.example/',
    'https:/hooks.example/',
    ' https://hooks.example/',
    'https://hoo\tks.example/',
    'https://b\u00fccher.example/',
    'http://127.0.0.1:99/',
    'http://0x7f.1/',
    'http://[::1]/',
    `https://${'a'.repeat(400)}.example/`,
  ];
  const { rows } = await database.db.execute<{ url: string; receiver: string | null }>(
    sql`select url, ${receiverInSql(sql`url`)} as receiver from unnest(${sql.param([...plain, ...odd])}::text[]) as url`,
  );
  const read = new Map(rows.map(({ url, receiver }) => [url, receiver]));
  for (const url of plain) expect([url, read.get(url)]).toEqual([url, receiverOf(url)]);
  for (const url of odd) expect([url, read.get(url)]).toEqual([url, null]);
});

it('a new webhook is found at once, and an old one too, while very many are to get their lane', async () => {
  const database = await freshDatabase();
  const busy = Array<string>(3000).fill('https://busy.example/');
  const [old] = await endedJobs(database, ['https://old.example/', ...busy]);
  const [young] = await endedJobs(database, ['https://young.example/']);
  await database.pool.query(
    `update webhook_deliveries set next_attempt_at = now() - interval '1 hour' where job_id = $1`,
    [old],
  );
  await assignLanes(database.db, 10);
  const choose = (due: readonly DueLane[]) => due.map((lane) => ({ lane, count: 1 }));
  const { taken } = await takeDeliveries(database, { choose, lockMs: HOUR });
  expect(taken.map(({ jobId }) => jobId)).toEqual(expect.arrayContaining([old, young]));
});
