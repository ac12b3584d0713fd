import { expect, it } from 'vitest';
import { runWebhooks } from '../../apps/dispatcher/src/index.ts';
import { type DeliveryRow, listDeliveries } from '../../packages/db/src/index.ts';
import { endedJobs } from '../db/deliveries.ts';
import { count, OWNER } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createTestSetup, type TestSetup } from '../worker/harness.ts';
import { depsOf, start } from './harness.ts';
import { startReceiver } from './receiver.ts';

/** Longer than any test: what would wait for it would fail. */
const FOREVER_MS = 600_000;
const silent = (): unknown => undefined;

/** URLs of `n` receivers at one server: each loopback address is another one. */
const receiversAt = (port: number, n: number): string[] =>
  Array.from({ length: n }, (_, i) => `http://127.1.${Math.floor(i / 250)}.${1 + (i % 250)}:${port}/hook`);
/** As many deliveries to each. */
const times = (n: number, urls: readonly string[]): string[] => Array.from({ length: n }, () => urls).flat();

async function deliveriesOf({ database }: TestSetup, jobIds: readonly string[]): Promise<DeliveryRow[]> {
  return (await Promise.all(jobIds.map((jobId) => listDeliveries(database.db, { owner: OWNER, jobId })))).flat();
}
const delivered = (setup: TestSetup): Promise<number> =>
  count(setup.database, `webhook_deliveries where status = 'delivered'`);

it.each([
  [4, 1],
  [40, 2],
  [400, 1],
])('%i receivers that never answer keep a healthy one not waiting, with %i dispatchers', async (n, dispatchers) => {
  const setup = await createTestSetup();
  const dead = await startReceiver(silent);
  const healthy = await startReceiver();
  await endedJobs(setup.database, times(5, receiversAt(dead.port, n)));
  for (let i = 0; i < dispatchers; i++) start(depsOf(setup, { webhookTimeoutMs: FOREVER_MS }), runWebhooks);
  await until(() => dead.received.length >= n);
  await endedJobs(setup.database, times(20, [healthy.url]));
  await until(() => healthy.received.length === 20);
  // One at a time: nobody knows yet whether they answer.
  expect(dead.received.length).toBeLessThanOrEqual(n * dispatchers);
});

it('more silent receivers than there are slots delay neither another owner nor a receiver that is known to answer', async () => {
  const setup = await createTestSetup();
  const dead = await startReceiver(silent);
  const known = await startReceiver();
  const others = await startReceiver();
  const options = { webhookTimeoutMs: FOREVER_MS, webhookConcurrency: 16 };
  const first = start(depsOf(setup, options), runWebhooks);
  await endedJobs(setup.database, [known.url]);
  await until(async () => (await delivered(setup)) === 1);
  await first.stop();

  await endedJobs(setup.database, receiversAt(dead.port, 100));
  start(depsOf(setup, options), runWebhooks);
  await until(() => dead.received.length === 8);
  await endedJobs(setup.database, times(10, [known.url]));
  await endedJobs(setup.database, [others.url], 'bob');
  await until(() => known.received.length === 11 && others.received.length === 1);
  expect(dead.received).toHaveLength(8);
});

it('receivers that answer late keep neither new nor quick ones waiting, however many they are', async () => {
  const setup = await createTestSetup();
  const slow = await startReceiver(silent);
  const quick = await startReceiver();
  const urls = receiversAt(slow.port, 50);
  await setup.database.pool.query(
    `insert into webhook_receivers (owner, receiver, slow) select $1, receiver, true from unnest($2::text[]) as receiver`,
    [OWNER, urls.map((url) => new URL(url).origin)],
  );
  await endedJobs(setup.database, times(3, urls));
  start(depsOf(setup, { webhookTimeoutMs: FOREVER_MS, webhookConcurrency: 16 }), runWebhooks);
  await until(() => slow.received.length === 6);
  await endedJobs(setup.database, times(10, [quick.url]));
  await until(() => quick.received.length === 10);
  expect(slow.received).toHaveLength(6);
});

it('a receiver that does not answer is left alone by all dispatchers, also later ones, and is told everything when it is back', async () => {
  const setup = await createTestSetup();
  let back = false;
  const receiver = await startReceiver((response) => (back ? response.writeHead(204).end() : response.destroy()));
  const healthy = await startReceiver();
  const options = {
    webhookRetryMs: [FOREVER_MS],
    webhookBreaker: { failures: 3, firstMs: FOREVER_MS, maxMs: FOREVER_MS },
  };
  const ids = await endedJobs(setup.database, times(30, [receiver.url]));
  const dispatchers = [start(depsOf(setup, options), runWebhooks), start(depsOf(setup, options), runWebhooks)];
  await until(async () => (await count(setup.database, 'webhook_receivers where retry_at > now()')) === 1);
  for (const { stop } of dispatchers) await stop();
  // Each dispatcher may have called once more before it knew.
  const called = receiver.received.length;
  expect(called).toBeGreaterThanOrEqual(3);
  expect(called).toBeLessThanOrEqual(4);

  start(depsOf(setup, options), runWebhooks);
  await endedJobs(setup.database, [healthy.url]);
  await until(() => healthy.received.length === 1);
  expect(receiver.received).toHaveLength(called);
  expect((await deliveriesOf(setup, ids)).map(({ attempt }) => attempt).toSorted()).toEqual([
    ...Array<number>(30 - called).fill(0),
    ...Array<number>(called).fill(1),
  ]);

  // The time of the next trial has come.
  back = true;
  await setup.database.pool.query('update webhook_receivers set retry_at = now() where retry_at is not null');
  await until(async () => (await delivered(setup)) === 1 + 30 - called);
  expect(await count(setup.database, 'webhook_receivers where failures > 0 or retry_at is not null')).toBe(0);
  // Those that were called in vain wait for their own next attempt.
  expect((await deliveriesOf(setup, ids)).filter(({ status }) => status === 'pending')).toHaveLength(called);
});

it('one trial is made of a receiver that does not answer, by any number of dispatchers', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver(silent);
  await endedJobs(setup.database, times(10, [receiver.url]));
  await setup.database.pool.query(
    `insert into webhook_receivers (owner, receiver, failures, retry_at) values ($1, $2, 3, now())`,
    [OWNER, new URL(receiver.url).origin],
  );
  for (let i = 0; i < 3; i++) start(depsOf(setup, { webhookTimeoutMs: FOREVER_MS }), runWebhooks);
  await until(() => receiver.received.length === 1);
  const healthy = await startReceiver();
  for (let n = 1; n <= 3; n++) {
    await endedJobs(setup.database, times(5, [healthy.url]));
    await until(() => healthy.received.length === 5 * n);
  }
  expect(receiver.received).toHaveLength(1);
});

it('what is held back for longer than its schedule takes has failed, and nothing sooner', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver((response) => response.destroy());
  const options = {
    webhookRetryMs: [1000, FOREVER_MS],
    webhookTimeoutMs: 1000,
    webhookBreaker: { failures: 1, firstMs: 20, maxMs: 20 },
  };
  const [late] = await endedJobs(setup.database, [receiver.url]);
  const early = await endedJobs(setup.database, times(3, [receiver.url]));
  await setup.database.pool.query(
    `update webhook_deliveries set next_attempt_at = now() - interval '1 minute' where job_id = any ($1)`,
    [early],
  );
  // Twice the schedule: it was held back, and is due before the others.
  await setup.database.pool.query(
    `update webhook_deliveries set
      attempt = 1, first_due_at = now() - interval '20 minutes', next_attempt_at = now() - interval '10 minutes'
    where job_id = $1`,
    [late],
  );
  // It has failed before, so the newest delivery is tried.
  await setup.database.pool.query(`insert into webhook_receivers (owner, receiver, failures) values ($1, $2, 1)`, [
    OWNER,
    new URL(receiver.url).origin,
  ]);
  start(depsOf(setup, options), runWebhooks);
  await until(async () => (await deliveriesOf(setup, [late!]))[0]?.status === 'failed');
  const [given] = await deliveriesOf(setup, [late!]);
  expect(given?.log.at(-1)).toMatchObject({ status: null, error: expect.stringContaining('not called') });
  await until(async () => (await deliveriesOf(setup, early)).every(({ attempt }) => attempt > 0));
  expect((await deliveriesOf(setup, early)).map(({ status }) => status)).toEqual(['pending', 'pending', 'pending']);
});

it('a silent address of a receiver does not keep its other addresses waiting for all that is due to it', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver((response, _, request) =>
    request.url === '/silent' ? response.destroy() : response.writeHead(204).end(),
  );
  const options = {
    webhookRetryMs: [FOREVER_MS],
    webhookBreaker: { failures: 3, firstMs: FOREVER_MS, maxMs: FOREVER_MS },
  };
  const silentUrl = receiver.url.replace('/hook', '/silent');
  await endedJobs(setup.database, times(30, [silentUrl]));
  start(depsOf(setup, options), runWebhooks);
  await until(async () => (await count(setup.database, 'webhook_receivers where retry_at > now()')) === 1);
  const [id] = await endedJobs(setup.database, [receiver.url]);
  // The time of the next trial has come.
  await setup.database.pool.query('update webhook_receivers set retry_at = now()');
  await until(async () => (await deliveriesOf(setup, [id!]))[0]?.status === 'delivered');
});
