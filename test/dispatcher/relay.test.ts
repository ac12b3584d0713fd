import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { runRelay } from '../../apps/dispatcher/src/index.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import { takeOutbox } from '../../packages/db/src/index.ts';
import { atOnce, count, rawJob, submitOrFail } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createTestSetup } from '../worker/harness.ts';
import { depsOf, start } from './harness.ts';
import { createQueueDouble } from './queue-double.ts';

it('every message of a commit is sent, once, by any number of relays', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const deps = depsOf(setup, { relayBatch: 7 }, { queue });
  start(deps, runRelay);
  start(deps, runRelay);
  const ids = await atOnce(50, () => submitOrFail(setup.database, {}, { relayed: true }));

  await until(async () => (await count(setup.database, 'outbox')) === 0);
  expect([...queue.sent].sort()).toEqual([...ids].sort());
  expect((await rawJob(setup.database, ids[0]!))?.sent_at).toBeInstanceOf(Date);
});

it('a message that somebody has locked while it is marked as sent is marked later, and is not sent again', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const locked = await submitOrFail(setup.database, {}, { relayed: true });
  let other = '';
  const { send } = queue;
  queue.send = async (...args) => {
    if (queue.sent.length > 0) return send(...args);
    // The lock is there when the relay marks this message, and until it has sent another one after it.
    await new Promise<void>((resolve) => {
      transaction = setup.database.transaction(async (tx) => {
        await tx.execute(sql`select from outbox where job_id = ${locked} for update`);
        resolve();
        await until(() => queue.sent.includes(other));
      });
    });
    return send(...args);
  };
  let transaction: Promise<void> | undefined;
  start(depsOf(setup, {}, { queue }), runRelay);
  await until(() => queue.sent.length === 1);
  other = await submitOrFail(setup.database, {}, { relayed: true });
  await until(() => queue.sent.length === 2);
  await transaction;

  await until(async () => (await count(setup.database, 'outbox')) === 0);
  expect(queue.sent).toEqual([locked, other]);
});

it('a queue that takes nothing, or only some, gets every message in the end', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  let calls = 0;
  queue.take = () => {
    calls++;
    if (calls <= 3) throw new AppError('queue_unavailable', 'The queue does not answer.');
    return calls % 2 === 0;
  };
  const ids = await atOnce(4, () => submitOrFail(setup.database, {}, { relayed: true }));
  start(depsOf(setup, {}, { queue }), runRelay);

  await until(async () => (await count(setup.database, 'outbox')) === 0);
  expect([...queue.sent].sort()).toEqual([...ids].sort());
  expect((await setup.metrics.loopErrors.get()).values).toMatchObject([{ labels: { loop: 'relay' }, value: 3 }]);
});

it('a message whose relay died before it marked it as sent is sent by another relay', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const id = await submitOrFail(setup.database, {}, { relayed: true });
  expect(await takeOutbox(setup.database.db, 10, 300)).toHaveLength(1);

  start(depsOf(setup, {}, { queue }), runRelay);
  await until(() => queue.sent.length === 1);
  expect(queue.sent).toEqual([id]);
});
