import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { workerRows } from './crowd.ts';
import { createEngines, MODEL, resultWith } from './engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  jobOf,
  startWorkers,
  submitEdit,
  type TestSetup,
  untilStatus,
} from './harness.ts';

const LAZY = { eagerLoad: false };
const TWO = [0, 1].map(() => ({ device: 'cpu', gpuId: null }));
const asleep = async (setup: TestSetup): Promise<number> =>
  (await workerRows(setup)).filter(({ ready, model }) => !ready && model?.loads_with_first_job === true).length;

it('without a job no engine is started and the row says when it will be; the first job starts one and succeeds', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(setup, { ...engines, configuredModel: MODEL }, LAZY);
  await until(async () => (await asleep(setup)) === 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(engines.seen.opened).toBe(0);

  const id = await submitEdit(setup);
  await untilStatus(setup, id, 'succeeded');
  expect(engines.seen).toMatchObject({ opened: 1, edits: 1 });
  await until(async () =>
    (await workerRows(setup)).some(({ ready, model }) => ready && model?.loads_with_first_job === undefined),
  );
  await untilStatus(setup, await submitEdit(setup), 'succeeded');
  expect(engines.seen.opened).toBe(1);
  await expectConsistent(setup);
});

it('a worker that is started again sleeps again', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  const first = startWorkers(setup, { ...engines, configuredModel: MODEL }, LAZY);
  await untilStatus(setup, await submitEdit(setup), 'succeeded');
  await first.stop();
  startWorkers(setup, { ...engines, configuredModel: MODEL }, LAZY);
  await until(async () => (await asleep(setup)) === 1);
  expect(engines.seen).toMatchObject({ opened: 1, closed: 1 });
  await untilStatus(setup, await submitEdit(setup), 'succeeded');
  expect(engines.seen.opened).toBe(2);
});

it('one job wakes one of several engines, however long that loads, and a loaded one that is idle comes before a sleeping one', async () => {
  // Longer than this test: a machine that stalls shows the message to nobody else.
  const leaseMs = 600_000;
  const setup = await createTestSetup({ hideMs: leaseMs });
  const extended: (number | undefined)[] = [];
  const queue: TestSetup['queue'] = {
    ...setup.queue,
    async extend(message, ms) {
      await setup.queue.extend(message, ms);
      extended.push(ms);
    },
  };
  const loading = Promise.withResolvers<void>();
  const engines = createEngines(
    async () => resultWith('edited'),
    () => loading.promise,
  );
  const options = { ...LAZY, leaseMs, heartbeatMs: 50 };
  startWorkers({ ...setup, queue }, { ...engines, configuredModel: MODEL }, options, TWO);
  await until(async () => (await asleep(setup)) === 2);
  const id = await submitEdit(setup);
  await until(async () => (await asleep(setup)) === 1);
  // As long as it loads the message is kept from others, again and again.
  await until(() => extended.length >= 5);
  expect(new Set(extended)).toEqual(new Set([leaseMs]));
  expect(await asleep(setup)).toBe(1);
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', failures: 0 });
  loading.resolve();
  await untilStatus(setup, id, 'succeeded');
  for (let i = 0; i < 5; i++) await untilStatus(setup, await submitEdit(setup), 'succeeded');
  expect(engines.seen.opened).toBe(1);
});

it('two jobs wake two engines', async () => {
  const setup = await createTestSetup();
  const both = Promise.withResolvers<void>();
  const engines = createEngines(async ({ number }) => {
    if (number === 2) both.resolve();
    await both.promise;
    return resultWith('edited');
  });
  startWorkers(setup, engines, LAZY, TWO);
  const ids = [await submitEdit(setup), await submitEdit(setup)];
  for (const id of ids) await untilStatus(setup, id, 'succeeded');
  expect(engines.seen.opened).toBe(2);
});

it('a model that cannot be loaded is told, costs the job nothing, and leaves the job to others', async () => {
  const setup = await createTestSetup();
  let broken = true;
  const engines = createEngines(
    async () => resultWith('edited'),
    async () => {
      if (broken) throw new AppError('model_corrupt', 'The weights are damaged.');
    },
  );
  startWorkers(setup, { ...engines, configuredModel: MODEL }, LAZY);
  const id = await submitEdit(setup);
  await until(async () =>
    (await workerRows(setup)).some(({ last_error }) => last_error === 'The weights are damaged.'),
  );
  expect(await asleep(setup)).toBe(0);
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', failures: 0 });
  broken = false;
  await untilStatus(setup, id, 'succeeded');
});

it('the model is fetched at the start all the same, and loaded from where it lies', async () => {
  const setup = await createTestSetup();
  const dirs: unknown[] = [];
  let fetched = 0;
  const engines = createEngines(
    async () => resultWith('edited'),
    async ({ modelDir }) => void dirs.push(modelDir),
  );
  const fetchModel = async () => {
    fetched++;
    return { dir: '/cache/snapshot', facts: MODEL };
  };
  startWorkers(setup, { ...engines, fetchModel, configuredModel: { name: MODEL.name } }, LAZY);
  await until(async () => (await asleep(setup)) === 1);
  expect((await workerRows(setup))[0]?.model).toMatchObject({ digest: MODEL.digest });
  expect(fetched).toBe(1);
  await untilStatus(setup, await submitEdit(setup), 'succeeded');
  expect(dirs).toEqual(['/cache/snapshot']);
});

it('a stop while a first job waits for its engine gives the job back', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(
    async () => resultWith('edited'),
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new AppError('canceled', 'The loading was cancelled.')));
      }),
  );
  const workers = startWorkers(setup, { ...engines, configuredModel: MODEL }, LAZY);
  await until(async () => (await asleep(setup)) === 1);
  const id = await submitEdit(setup);
  await until(async () => (await asleep(setup)) === 0);
  await workers.stop();
  const next = createEngines(async () => resultWith('edited'));
  startWorkers(setup, next);
  await untilStatus(setup, id, 'succeeded');
  expect((await jobOf(setup, id)).job.failures).toBe(0);
});
