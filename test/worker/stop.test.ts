import { expect, it } from 'vitest';
import { eventTypes } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { createTestSetup, expectConsistent, jobOf, startWorkers, submitEdit, untilStatus } from './harness.ts';

/** Longer than any test may take: what ends at all was ended by the stop. */
const FOREVER_MS = 600_000;

it('a worker that is stopped gives its job back within the grace, and the attempt does not count', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  const { stop } = startWorkers(setup, engines, { graceMs: 300 });
  const id = await submitEdit(setup, { maxAttempts: 1 });
  await until(() => engines.seen.edits === 1);
  const waiting = await submitEdit(setup);

  const start = performance.now();
  await stop();

  // The edit never ends by itself: that the worker ended at all is the work of its grace.
  expect(performance.now() - start).toBeGreaterThan(250);
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });
  expect((await jobOf(setup, waiting)).job).toMatchObject({ status: 'queued', attempt: 0 });
  expect(engines.seen).toMatchObject({ edits: 1, canceled: 1, closed: 1 });
  expect((await setup.database.pool.query('select from workers')).rowCount).toBe(0);

  startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(await eventTypes(setup.database, id)).toEqual([
    'job.queued',
    'job.started',
    'job.released',
    'job.started',
    'job.succeeded',
  ]);
  await expectConsistent(setup);
});

it('a worker that is stopped finishes what is done within the grace', async () => {
  const setup = await createTestSetup();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  const { stop } = startWorkers(setup, engines, { graceMs: 10_000 });
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);

  const stopped = stop();
  finish.resolve();
  await stopped;
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'succeeded', attempt: 1 });
});

it('a worker that waits for work or for its model stops at once', async () => {
  const setup = await createTestSetup();
  const idle = createEngines(async () => resultWith('edited'));
  const worker = startWorkers(setup, idle, { receiveWaitMs: FOREVER_MS });
  await until(() => idle.seen.opened === 1);
  const loading = createEngines(
    async () => resultWith('edited'),
    ({ signal }) => untilCanceled(signal),
  );
  const other = startWorkers(setup, loading);

  await Promise.all([worker.stop(), other.stop()]);
  expect((await setup.database.pool.query('select from workers')).rowCount).toBe(0);
});

it('a worker that is stopped while the database is away ends all the same, and the job is taken back later', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  const { stop } = startWorkers(setup, engines, { graceMs: 50, releaseMs: 300 });
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);

  setup.proxy.cut();
  await stop();
  expect((await jobOf(setup, id)).job.status).toBe('running');
  expect(engines.seen.closed).toBe(1);
});

it('a message that arrives together with the stop is given back, and its job is not claimed', async () => {
  const setup = await createTestSetup();
  const released: number[] = [];
  const queue: typeof setup.queue = {
    ...setup.queue,
    async receive(options) {
      const messages = await setup.queue.receive(options);
      if (messages.length > 0) void worker.stop();
      return messages;
    },
    async release(message, delayMs) {
      released.push(delayMs);
      await setup.queue.release(message, delayMs);
    },
  };
  const engines = createEngines(async () => resultWith('edited'));
  const id = await submitEdit(setup);
  const worker = startWorkers({ ...setup, queue }, engines);
  await worker.done;
  expect(released).toEqual([0]);
  expect(await eventTypes(setup.database, id)).toEqual(['job.queued']);

  startWorkers(setup, engines);
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1 });
});
