import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { runDispatcher, runWebhooks } from '../../apps/dispatcher/src/index.ts';
import { jobSchema } from '../../packages/contract/src/index.ts';
import { type DeliveryRow, failJob, listDeliveries, type NewJob, succeedJob } from '../../packages/db/src/index.ts';
import { ERROR, OWNER, running, successOf } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createTestSetup, type TestSetup } from '../worker/harness.ts';
import { depsOf, start } from './harness.ts';
import { startReceiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER_SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
/** Longer than any test. */
const FOREVER_MS = 600_000;

/** A job that has just succeeded and has a webhook to deliver. */
async function succeeded(setup: TestSetup, webhookUrl: string, changes: Partial<NewJob> = {}): Promise<string> {
  const lease = await running(setup.database, { webhookUrl, ...changes });
  expect(await succeedJob(setup.database.db, lease, successOf(lease))).toBe(true);
  return lease.jobId;
}

async function deliveryOf({ database }: TestSetup, jobId: string): Promise<DeliveryRow> {
  const [row] = await listDeliveries(database.db, { owner: OWNER, jobId });
  return row!;
}

const untilDelivery = (setup: TestSetup, jobId: string, status: string): Promise<void> =>
  until(async () => (await deliveryOf(setup, jobId)).status === status);

it('a receiver gets the end of a job, with a signature that its library verifies', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver();
  start(depsOf(setup, { webhookSecret: SECRET }), runWebhooks);
  const id = await succeeded(setup, receiver.url);
  await untilDelivery(setup, id, 'delivered');

  const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
  const payload = new Webhook(SECRET).verify(body, headers) as { type: string; timestamp: string; data: unknown };
  const job = jobSchema.parse(payload.data);
  expect(payload.type).toBe('job.succeeded');
  expect(payload.timestamp).toBe(job.completed_at);
  expect(job).toMatchObject({ id, status: 'succeeded' });
  expect(job.output?.[0]?.url).toBe(`https://edit.example/v1/jobs/${id}/outputs/0`);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': expect.stringMatching(/^msg_/) });
  expect(body).not.toContain('whsec_');
  const { log, attempt } = await deliveryOf(setup, id);
  expect(attempt).toBe(1);
  expect(log).toMatchObject([{ status: 204, error: null, duration_ms: expect.any(Number) }]);
});

it('the secret of a job comes before that of the service; without both nothing is signed', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver();
  const { stop } = start(depsOf(setup, { webhookSecret: SECRET }), runWebhooks);
  await succeeded(setup, receiver.url, { webhookSecret: OTHER_SECRET });
  await until(() => receiver.received.length === 1);
  const [own] = receiver.received;
  new Webhook(OTHER_SECRET).verify(own!.body, own!.headers);
  expect(() => new Webhook(SECRET).verify(own!.body, own!.headers)).toThrow();
  await stop();

  start(depsOf(setup), runDispatcher);
  await succeeded(setup, receiver.url);
  await until(() => receiver.received.length === 2);
  expect(receiver.received[1]!.headers).not.toHaveProperty('webhook-signature');
  expect(setup.lines.some((line) => line.includes('are not signed'))).toBe(true);
  await expect(
    runDispatcher(depsOf(setup, { webhookSecret: 'no base64!' }), new AbortController().signal),
  ).rejects.toThrow(expect.objectContaining({ code: 'usage' }));
});

it('a delivery that fails is tried again by the schedule, under the same webhook-id, each time with a fresh signature', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver((response, number) => {
    if (number === 1) response.writeHead(500).end('trouble');
    else if (number === 2) response.destroy();
    else response.writeHead(200).end('thanks');
  });
  start(depsOf(setup, { webhookSecret: SECRET, webhookRetryMs: [1100, 50] }), runWebhooks);
  const id = await succeeded(setup, receiver.url);
  await untilDelivery(setup, id, 'delivered');

  expect(receiver.received).toHaveLength(3);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
  for (const { headers, body } of receiver.received) new Webhook(SECRET).verify(body, headers);
  const [first, second] = receiver.received;
  expect(second!.at - first!.at).toBeGreaterThan(1000);
  expect(second!.headers['webhook-signature']).not.toBe(first!.headers['webhook-signature']);
  const { log } = await deliveryOf(setup, id);
  expect(log).toMatchObject([{ status: 500 }, { status: null, error: expect.any(String) }, { status: 200 }]);
});

it('a delivery has failed when its schedule is used up, or at once when the receiver says 410', async () => {
  const setup = await createTestSetup();
  const broken = await startReceiver((response) => response.writeHead(500).end());
  const gone = await startReceiver((response) => response.writeHead(410).end());
  start(depsOf(setup, { webhookRetryMs: [10, 10] }), runWebhooks);
  const [first, second] = [await succeeded(setup, broken.url), await succeeded(setup, gone.url)];
  await untilDelivery(setup, first, 'failed');
  await untilDelivery(setup, second, 'failed');
  expect((await deliveryOf(setup, first)).attempt).toBe(3);
  expect(gone.received).toHaveLength(1);
});

it('a busy receiver is not called before the time that it names', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver((response, number) =>
    number === 1 ? response.writeHead(429, { 'retry-after': '1' }).end() : response.writeHead(200).end(),
  );
  start(depsOf(setup, { webhookRetryMs: [10] }), runWebhooks);
  const id = await succeeded(setup, receiver.url);
  await untilDelivery(setup, id, 'delivered');
  expect(receiver.received[1]!.at - receiver.received[0]!.at).toBeGreaterThan(990);
});

it('a dispatcher that dies after the receiver took the event leads to a second delivery with the same webhook-id', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver((response, number) => {
    // The first attempt can no longer be recorded.
    if (number === 1) setup.proxy.cut();
    response.writeHead(200).end();
  });
  const dying = start(depsOf(setup, { webhookTimeoutMs: 300 }), runWebhooks);
  const id = await succeeded(setup, receiver.url);
  await until(() => receiver.received.length === 1);
  await dying.stop();
  expect((await deliveryOf(setup, id)).status).toBe('pending');

  setup.proxy.mend();
  start(depsOf(setup), runWebhooks);
  await untilDelivery(setup, id, 'delivered');
  expect(receiver.received).toHaveLength(2);
  expect(receiver.received[1]!.headers['webhook-id']).toBe(receiver.received[0]!.headers['webhook-id']);
});

it('a receiver that never answers delays nobody else', async () => {
  const setup = await createTestSetup();
  const slow = await startReceiver(() => undefined);
  const quick = await startReceiver();
  for (let i = 0; i < 12; i++) await succeeded(setup, slow.url);
  start(depsOf(setup, { webhookTimeoutMs: FOREVER_MS, webhookConcurrency: 8, webhookPerReceiver: 4 }), runWebhooks);
  await until(() => slow.received.length === 1);
  for (let i = 0; i < 6; i++) await succeeded(setup, quick.url);
  await until(() => quick.received.length === 6);
  expect(slow.received).toHaveLength(1);
});

it('redirects are not followed, and endless answers are not read', async () => {
  const setup = await createTestSetup();
  const target = await startReceiver();
  const moved = await startReceiver((response) => response.writeHead(301, { location: target.url }).end());
  const endless = await startReceiver((response) => {
    response.writeHead(200);
    const more = (): unknown =>
      response.destroyed ? undefined : response.write('x'.repeat(65_536), () => setImmediate(more));
    more();
  });
  start(depsOf(setup, { webhookRetryMs: [] }), runWebhooks);
  const [first, second] = [await succeeded(setup, moved.url), await succeeded(setup, endless.url)];
  await untilDelivery(setup, first, 'failed');
  await untilDelivery(setup, second, 'delivered');
  expect(target.received).toHaveLength(0);
  expect((await deliveryOf(setup, first)).log).toMatchObject([{ status: 301 }]);
});

it('any number of dispatchers deliver the end of a job once, and that of a failed job too', async () => {
  const setup = await createTestSetup();
  const receiver = await startReceiver();
  for (let i = 0; i < 3; i++) start(depsOf(setup), runWebhooks);
  const lease = await running(setup.database, { webhookUrl: receiver.url });
  await failJob(setup.database.db, lease, ERROR);
  const ids = [lease.jobId];
  for (let i = 0; i < 9; i++) ids.push(await succeeded(setup, receiver.url));
  for (const id of ids) await untilDelivery(setup, id, 'delivered');
  expect(receiver.received).toHaveLength(10);
  const failed = receiver.received.map(({ body }) => JSON.parse(body)).find(({ type }) => type === 'job.failed');
  expect(failed.data.error).toMatchObject({ code: 'engine_crashed' });
});
