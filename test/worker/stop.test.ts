import { expect, it } from 'vitest';
import { eventTypes } from '../db/jobs.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { expectConsistent, jobOf, makePlace, startWorkers, submitEdit, until, untilStatus } from './harness.ts';

it('a worker that is stopped gives its job back within the grace, and the attempt does not count', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  const { stop } = startWorkers(place, engines, { graceMs: 300 });
  const id = await submitEdit(place, { maxAttempts: 1 });
  await until(() => engines.seen.edits === 1);
  const waiting = await submitEdit(place);

  const start = performance.now();
  await stop();

  expect(performance.now() - start).toBeGreaterThan(250);
  expect(performance.now() - start).toBeLessThan(3000);
  expect((await jobOf(place, id)).job).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });
  expect((await jobOf(place, waiting)).job).toMatchObject({ status: 'queued', attempt: 0 });
  expect(engines.seen).toMatchObject({ edits: 1, canceled: 1, closed: 1 });
  expect((await place.database.pool.query('select from workers')).rowCount).toBe(0);

  startWorkers(
    place,
    createEngines(async () => resultWith('edited')),
  );
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(await eventTypes(place.database, id)).toEqual([
    'job.queued',
    'job.started',
    'job.released',
    'job.started',
    'job.succeeded',
  ]);
  await expectConsistent(place);
});

it('a worker that is stopped finishes what is done within the grace', async () => {
  const place = await makePlace();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  const { stop } = startWorkers(place, engines, { graceMs: 10_000 });
  const id = await submitEdit(place);
  await until(() => engines.seen.edits === 1);

  const stopped = stop();
  finish.resolve();
  await stopped;
  expect((await jobOf(place, id)).job).toMatchObject({ status: 'succeeded', attempt: 1 });
});

it('a worker that waits for work or for its model stops at once', async () => {
  const place = await makePlace();
  const idle = createEngines(async () => resultWith('edited'));
  const worker = startWorkers(place, idle);
  await until(() => idle.seen.opened === 1);
  const loading = createEngines(
    async () => resultWith('edited'),
    ({ signal }) => untilCanceled(signal),
  );
  const other = startWorkers(place, loading);

  const start = performance.now();
  await Promise.all([worker.stop(), other.stop()]);
  expect(performance.now() - start).toBeLessThan(3000);
  expect((await place.database.pool.query('select from workers')).rowCount).toBe(0);
});

it('a worker that is stopped while the database is away ends all the same, and the job is taken back later', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  const { stop } = startWorkers(place, engines, { graceMs: 50, releaseMs: 300 });
  const id = await submitEdit(place);
  await until(() => engines.seen.edits === 1);

  place.proxy.cut();
  const start = performance.now();
  await stop();
  expect(performance.now() - start).toBeLessThan(3000);
  expect((await jobOf(place, id)).job.status).toBe('running');
  expect(engines.seen.closed).toBe(1);
});

it('a message that comes together with the stop is given back untouched', async () => {
  const place = await makePlace();
  const released: number[] = [];
  const queue: typeof place.queue = {
    ...place.queue,
    async receive(options) {
      const messages = await place.queue.receive(options);
      if (messages.length > 0) void worker.stop();
      return messages;
    },
    async release(message, delayMs) {
      released.push(delayMs);
      await place.queue.release(message, delayMs);
    },
  };
  const engines = createEngines(async () => resultWith('edited'));
  const id = await submitEdit(place);
  const worker = startWorkers({ ...place, queue }, engines);
  await worker.done;
  expect(released).toEqual([0]);
  expect(await eventTypes(place.database, id)).toEqual(['job.queued']);

  startWorkers(place, engines);
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 1 });
});
