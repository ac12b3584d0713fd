import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { type Lease, reapLeases, succeedJob } from '../../packages/db/src/index.ts';
import { claimOrFail, ERROR, eventTypes, expireLease, rawJob, resultOf } from '../db/jobs.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import {
  expectConsistent,
  jobOf,
  keysOf,
  makePlace,
  type Place,
  startWorkers,
  submitEdit,
  until,
  untilStatus,
} from './harness.ts';

/** A worker that hears nothing from the database while its job runs. */
const DEAF = { leaseMs: 60_000, heartbeatMs: 50_000, orderPollMs: 50_000 };

async function takenByAnother(place: Place, id: string): Promise<Lease> {
  await expireLease(place.database, id);
  expect((await reapLeases(place.database.db, ERROR)).queued).toEqual([id]);
  return (await claimOrFail(place.database, id)).lease;
}

it('a late commit after a lost lease changes nothing and leaves no object', async () => {
  const place = await makePlace();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    begun.resolve();
    await finish.promise;
    return resultWith('too late');
  });
  startWorkers(place, engines, DEAF);
  const id = await submitEdit(place);
  await begun.promise;

  const other = await takenByAnother(place, id);
  const before = await rawJob(place.database, id);
  finish.resolve();
  await until(() => place.lines.some((line) => line.includes('"outcome":"lost"')));
  await until(async () => (await keysOf(place, 'outputs/')).length === 0);

  expect(await rawJob(place.database, id)).toEqual(before);
  expect(await succeedJob(place.database.db, other, { ...resultOf(other), outputs: [] })).toBe(true);
  await expectConsistent(place);
});

it('a worker that lost its lease ends the edit and tells nobody', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  startWorkers(place, engines, { heartbeatMs: 50, orderPollMs: 50_000 });
  const id = await submitEdit(place);
  await untilStatus(place, id, 'running');

  const other = await takenByAnother(place, id);
  await until(() => engines.seen.canceled === 1);
  await until(() => place.lines.some((line) => line.includes('"outcome":"lost"')));
  const { job } = await jobOf(place, id);
  expect(job).toMatchObject({ status: 'running', leaseToken: other.token, failures: 1 });
  expect(await eventTypes(place.database, id)).toEqual(['job.queued', 'job.started', 'job.retrying', 'job.started']);
});

it('heartbeats flow while the engine blocks for longer than the lease', async () => {
  const place = await makePlace();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  startWorkers(place, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(place);
  const first = (await untilStatus(place, id, 'running')).job.leaseExpiresAt!;

  await until(async () => {
    const { queued, failed } = await reapLeases(place.database.db, ERROR);
    expect([...queued, ...failed]).toEqual([]);
    const { job } = await jobOf(place, id);
    return job.leaseExpiresAt!.getTime() > first.getTime() + 3 * 600;
  });
  finish.resolve();
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});

it('a message is kept hidden as long as its job runs, and a queue that fails at that ends nothing', async () => {
  const place = await makePlace();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  const extended: number[] = [];
  const queue: typeof place.queue = {
    ...place.queue,
    async extend(_message, ms) {
      extended.push(ms);
      throw new AppError('queue_unavailable', 'The queue does not answer.');
    },
  };
  startWorkers({ ...place, queue }, engines, { leaseMs: 600, heartbeatMs: 100 });
  const id = await submitEdit(place);
  await until(() => extended.length >= 8);
  expect(new Set(extended)).toEqual(new Set([600]));
  finish.resolve();
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});
