import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { EngineStart, LoadedEngine } from '../../apps/worker/src/index.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import { requestCancel } from '../../packages/db/src/index.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { until } from '../support/until.ts';
import { startsOf, submitMany, untilAllSucceeded, workerRows } from './crowd.ts';
import { createEngines, type EditScript, resultWith, untilCanceled } from './engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  jobOf,
  startWorkers,
  submitEdit,
  type TestSetup,
  untilStatus,
} from './harness.ts';

/** Longer than any test may take: what ends at all was not ended by the clock. */
const FOREVER_MS = 600_000;
const FAKE_ENGINE = join(import.meta.dirname, '../fakes/engine.ts');

const jobsOf = async (setup: TestSetup, ids: readonly string[]) =>
  (await Promise.all(ids.map((id) => jobOf(setup, id)))).map(({ job }) => job);

const succeeds: EditScript = async () => resultWith('edited');
const crashes: EditScript = async ({ crash }) => {
  throw crash();
};

/** A real engine process that the system kills whenever it gets work, whatever work that is. */
async function openDoomedEngine({ signal }: EngineStart): Promise<LoadedEngine> {
  const engine = await createPipeline({ modelDir: 'no-model', program: FAKE_ENGINE, signal });
  onTestFinished(() => engine.close());
  return {
    model: engine.model,
    get enginePid() {
      return engine.enginePid;
    },
    edit(request, hooks) {
      if (engine.enginePid !== undefined) process.kill(engine.enginePid, 'SIGKILL');
      return engine.edit(request, hooks);
    },
    close: () => engine.close(),
  };
}

it('a worker whose engine is killed at each edit leaves all jobs to a healthy one, and none pays for it', async () => {
  const setup = await createTestSetup();
  const ids = await submitMany(setup, 20);
  startWorkers(setup, { openEngine: openDoomedEngine });
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error !== null;
  });
  const [{ id } = { id: '' }] = await workerRows(setup);
  startWorkers(setup, createEngines(succeeds));

  await untilAllSucceeded(setup, ids);
  expect(await startsOf(setup, id)).toBe(1);
  expect((await workerRows(setup)).find((row) => row.id === id)).toMatchObject({ ready: false });
  await expectConsistent(setup);
});

it('also if its probe edits pass: a job that crashed an engine goes to another worker, and a row of crashes is forgiven', async () => {
  const setup = await createTestSetup();
  const healthy = createEngines(succeeds);
  const bad = createEngines(crashes);
  // It is there, but idle until the bad one has taken what it will.
  const gate = Promise.withResolvers<void>();
  const store = {
    ...setup.store,
    async get(...args: Parameters<typeof setup.store.get>) {
      await gate.promise;
      return setup.store.get(...args);
    },
  };
  startWorkers({ ...setup, store }, healthy);
  await until(async () => (await workerRows(setup)).some(({ ready }) => ready));
  const [busy] = await submitMany(setup, 1);
  await untilStatus(setup, busy!, 'running');
  startWorkers(setup, bad, { retryFirstMs: FOREVER_MS, retryMaxMs: FOREVER_MS });
  await until(async () => (await workerRows(setup)).length === 2);
  const ids = await submitMany(setup, 6);

  // The third crash in a row is at a third job: none of them counts any more, and the worker takes no other.
  await until(async () => (await workerRows(setup)).some(({ ready, last_error }) => !ready && last_error !== null));
  await until(async () =>
    (await Promise.all(ids.map((id) => jobOf(setup, id)))).every(({ job }) => job.failures === 0),
  );
  expect(bad.seen).toMatchObject({ edits: 3, probes: 3 });
  gate.resolve();
  await untilAllSucceeded(setup, [busy!, ...ids]);
  await expectConsistent(setup);
});

it('a job that crashed an engine is left to another worker as long as one is ready, and holds up none behind it', async () => {
  const setup = await createTestSetup();
  const bad = createEngines(async (call) => (call.number === 1 ? crashes(call) : succeeds(call)));
  startWorkers(setup, bad);
  const begun = Promise.withResolvers<void>();
  const other = createEngines(async ({ number }) => {
    if (number === 1) await begun.promise;
    return resultWith('edited');
  });
  startWorkers(setup, other);
  await until(async () => (await workerRows(setup)).filter(({ ready }) => ready).length === 2);

  // While the other one is busy, the job waits for it, and those behind it do not.
  const ids = await submitMany(setup, 2);
  await until(() => other.seen.edits === 1 && bad.seen.edits === 1);
  await until(async () => (await jobsOf(setup, ids)).some(({ failures }) => failures === 1));
  await untilAllSucceeded(setup, await submitMany(setup, 3));
  expect(bad.seen.edits).toBe(4);
  expect((await jobsOf(setup, ids)).map(({ status }) => status).sort()).toEqual(['queued', 'running']);
  begun.resolve();
  for (const id of ids) await untilStatus(setup, id, 'succeeded');
  expect(bad.seen.edits).toBe(4);
  expect(other.seen.edits).toBe(2);
  await expectConsistent(setup);
});

it.each([
  ['take the job of the other', (id: string | undefined) => id],
  ['do so too where the queue knows nothing of workers, as SQS', () => undefined],
])('two workers that have each failed at a job %s', async (_, known) => {
  const setup = await createTestSetup();
  const queue: typeof setup.queue = {
    ...setup.queue,
    receive: ({ workerId, ...options }) => setup.queue.receive({ ...options, workerId: known(workerId) }),
  };
  const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const failingOnce = (mine: 0 | 1) =>
    createEngines(async (call) => {
      if (call.number > 1) return resultWith('edited');
      met[mine].resolve();
      await met[1 - mine]?.promise;
      return crashes(call);
    });
  const engines = [failingOnce(0), failingOnce(1)];
  for (const each of engines) startWorkers({ ...setup, queue }, each);
  await until(async () => (await workerRows(setup)).filter(({ ready }) => ready).length === 2);
  const ids = await submitMany(setup, 2);
  for (const id of ids) await untilStatus(setup, id, 'succeeded');
  expect(engines.map(({ seen }) => seen.edits)).toEqual([2, 2]);
  await expectConsistent(setup);
});

it('a job that crashes the engines of two workers whose probe edits pass has failed', async () => {
  const setup = await createTestSetup();
  const first = createEngines(crashes);
  const second = createEngines(crashes);
  startWorkers(setup, first);
  startWorkers(setup, second);
  await until(async () => (await workerRows(setup)).filter(({ ready }) => ready).length === 2);
  const id = await submitEdit(setup, { maxAttempts: 10 });
  expect((await untilStatus(setup, id, 'failed')).job).toMatchObject({
    attempt: 2,
    failures: 2,
    error: { code: 'engine_crashed' },
  });
  expect([first.seen.edits, second.seen.edits, first.seen.probes, second.seen.probes]).toEqual([1, 1, 1, 1]);
  await expectConsistent(setup);
});

it('an engine that fails its probe edit too is its worker’s: the job does not pay, and waits until the probe passes', async () => {
  const setup = await createTestSetup();
  const device = { works: false };
  const onDevice =
    (script: EditScript): EditScript =>
    async (call) => {
      if (!device.works) throw new AppError('out_of_memory', 'The device has no memory left.');
      return script(call);
    };
  const engines = createEngines(onDevice(succeeds), undefined, onDevice(succeeds));
  startWorkers(setup, engines);
  const id = await submitEdit(setup, { maxAttempts: 1 });
  await until(() => engines.seen.probes >= 3);
  expect(engines.seen.edits).toBe(1);
  // Each probe that fails is followed by one in a fresh engine.
  expect(engines.seen.opened).toBeGreaterThanOrEqual(3);
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error === 'The device has no memory left.';
  });
  device.works = true;
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  await until(async () => (await workerRows(setup))[0]?.ready === true);
});

it('a model folder that goes away under a running engine is its worker’s trouble', async () => {
  const setup = await createTestSetup();
  let isThere = true;
  const engines = createEngines(
    async (call) => {
      if (call.number > 1) return resultWith('edited');
      isThere = false;
      throw call.crash();
    },
    async () => {
      if (!isThere) throw new AppError('model_not_found', 'There is no model in /models.');
    },
  );
  startWorkers(setup, engines);
  const id = await submitEdit(setup, { maxAttempts: 1 });
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error === 'There is no model in /models.';
  });
  await until(async () => (await jobOf(setup, id)).job.status === 'queued');
  isThere = true;
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
});

it('an engine that misses a part of its model has to pass a probe edit before it gets another job', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ number }) => {
    if (number === 1) throw new AppError('model_corrupt', 'A file of the model is damaged.');
    return resultWith('edited');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup, { maxAttempts: 1 });
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(engines.seen).toMatchObject({ edits: 2, probes: 1 });
});

it('a job is cancelled, and a worker stopped, in the middle of a probe edit', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(crashes, undefined, ({ hooks }) => untilCanceled(hooks.signal));
  const { stop } = startWorkers(setup, engines, { graceMs: FOREVER_MS, probeMs: FOREVER_MS });
  const canceled = await submitEdit(setup);
  await until(() => engines.seen.probes === 1);
  expect(await requestCancel(setup.database.db, { owner: 'ann', id: canceled })).toBe(true);
  await untilStatus(setup, canceled, 'canceled');
  // Nothing is known of the engine yet, so that it is probed before it may take a job.
  await until(() => engines.seen.probes === 2);
  const waiting = await submitEdit(setup);
  await stop();
  expect((await jobOf(setup, waiting)).job).toMatchObject({ status: 'queued', attempt: 0 });

  const again = createEngines(crashes, undefined, ({ hooks }) => untilCanceled(hooks.signal));
  const second = startWorkers(setup, again, { graceMs: FOREVER_MS, probeMs: FOREVER_MS });
  await until(() => again.seen.probes === 1);
  await second.stop();
  expect((await jobOf(setup, waiting)).job).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });
});
