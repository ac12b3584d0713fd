import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { type Lease, reapLeases, succeedJob } from '../../packages/db/src/index.ts';
import { claimOrFail, ERROR, eventTypes, expireLease, rawJob, successOf } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  jobOf,
  keysOf,
  startWorkers,
  submitEdit,
  type TestSetup,
  untilStatus,
} from './harness.ts';

/** Options of a worker that asks the database nothing while its job runs. */
const DEAF = { leaseMs: 60_000, heartbeatMs: 50_000, cancelPollMs: 50_000 };

async function takenByAnother(setup: TestSetup, id: string): Promise<Lease> {
  // A heartbeat may come between the two statements; then the lease has to expire once more.
  await until(async () => {
    await expireLease(setup.database, id);
    return (await reapLeases(setup.database.db, ERROR)).queued.includes(id);
  });
  return (await claimOrFail(setup.database, id)).lease;
}

it('a late commit after a lost lease changes nothing and leaves no object', async () => {
  const setup = await createTestSetup();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    begun.resolve();
    await finish.promise;
    return resultWith('too late');
  });
  startWorkers(setup, engines, DEAF);
  const id = await submitEdit(setup);
  await begun.promise;

  const other = await takenByAnother(setup, id);
  const before = await rawJob(setup.database, id);
  finish.resolve();
  await until(() => setup.lines.some((line) => line.includes('"outcome":"lost"')));
  await until(async () => (await keysOf(setup, 'outputs/')).length === 0);

  expect(await rawJob(setup.database, id)).toEqual(before);
  expect(await succeedJob(setup.database.db, other, { ...successOf(other), outputs: [] })).toBe(true);
  await expectConsistent(setup);
});

it('a worker that lost its lease ends the edit and writes nothing', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  startWorkers(setup, engines, { heartbeatMs: 50, cancelPollMs: 50_000 });
  const id = await submitEdit(setup);
  await untilStatus(setup, id, 'running');

  const other = await takenByAnother(setup, id);
  await until(() => engines.seen.canceled === 1);
  await until(() => setup.lines.some((line) => line.includes('"outcome":"lost"')));
  const { job } = await jobOf(setup, id);
  expect(job).toMatchObject({ status: 'running', leaseToken: other.token, failures: 1 });
  expect(await eventTypes(setup.database, id)).toEqual(['job.queued', 'job.started', 'job.retrying', 'job.started']);
});

it('heartbeats flow while the engine blocks for longer than the lease', async () => {
  const setup = await createTestSetup();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  startWorkers(setup, engines, { leaseMs: 10_000, heartbeatMs: 200 });
  const id = await submitEdit(setup);
  const first = (await untilStatus(setup, id, 'running')).job.leaseExpiresAt!;

  await until(async () => {
    const { queued, failed } = await reapLeases(setup.database.db, ERROR);
    expect([...queued, ...failed]).toEqual([]);
    const { job } = await jobOf(setup, id);
    return job.leaseExpiresAt!.getTime() > first.getTime() + 10_000;
  });
  finish.resolve();
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});

it('a message is kept hidden as long as its job runs, and a queue that fails at that ends nothing', async () => {
  const setup = await createTestSetup();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  const extended: number[] = [];
  const queue: typeof setup.queue = {
    ...setup.queue,
    async extend(_message, ms) {
      extended.push(ms);
      throw new AppError('queue_unavailable', 'The queue does not answer.');
    },
  };
  startWorkers({ ...setup, queue }, engines, { leaseMs: 60_000, heartbeatMs: 100 });
  const id = await submitEdit(setup);
  await until(() => extended.length >= 8);
  expect(new Set(extended)).toEqual(new Set([60_000]));
  finish.resolve();
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});
