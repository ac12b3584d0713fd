import { expect, it } from 'vitest';
import type { ModelFetch } from '../../apps/worker/src/index.ts';
import { AppError, type ModelDownload } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { createEngines, MODEL, resultWith } from './engine-double.ts';
import { createTestSetup, startWorkers, submitEdit, type TestSetup, untilStatus } from './harness.ts';

const HUB_NAME = 'Qwen-Image-Edit-2511';
const progress = (bytes_done: number, phase = 'downloading'): ModelDownload => ({
  ...{ phase, bytes_done, bytes: 1000, files_done: 1, files: 9, bytes_per_second: 50, eta_seconds: 16 },
});
const rowOf = async ({ database }: TestSetup) =>
  (await database.pool.query('select ready, model, download, last_error from workers')).rows[0];

/** Each call of fetchModel, for the test to answer. */
function createFetches() {
  const calls: (ModelFetch & { done(): void; fail(error: AppError): void })[] = [];
  const fetchModel = (fetch: ModelFetch) =>
    new Promise<{ dir: string; facts: typeof MODEL }>((resolve, reject) => {
      const done = (): void => resolve({ dir: '/cache/snapshot', facts: { ...MODEL, name: HUB_NAME } });
      fetch.signal.addEventListener('abort', () => reject(new AppError('canceled', 'The download was stopped.')));
      calls.push({ ...fetch, done, fail: reject });
    });
  return { calls, fetchModel };
}

it('while its model is downloaded a worker takes no job and its row says how far it is; then it loads what has come', async () => {
  const setup = await createTestSetup();
  const { calls, fetchModel } = createFetches();
  const dirs: unknown[] = [];
  const loaded = Promise.withResolvers<void>();
  const engines = createEngines(
    async () => resultWith('edited'),
    async ({ modelDir }) => {
      dirs.push(modelDir);
      await loaded.promise;
    },
  );
  startWorkers(setup, { ...engines, fetchModel, configuredModel: { name: HUB_NAME } });
  const id = await submitEdit(setup);
  await until(async () => calls.length === 1);
  calls[0]?.onProgress(progress(10));
  await until(async () => (await rowOf(setup))?.download?.bytes_done === 10);
  expect(await rowOf(setup)).toMatchObject({ ready: false, model: { name: HUB_NAME }, last_error: null });
  calls[0]?.onProgress(progress(900));
  await until(async () => (await rowOf(setup))?.download?.bytes_done === 900);
  expect((await setup.database.pool.query('select status from jobs')).rows).toEqual([{ status: 'queued' }]);
  calls[0]?.done();
  await until(async () => (await rowOf(setup))?.download === null);
  // It is being loaded; what its folder says is known.
  expect(await rowOf(setup)).toMatchObject({ ready: false, model: { name: HUB_NAME, digest: MODEL.digest } });
  loaded.resolve();
  await untilStatus(setup, id, 'succeeded');
  expect(dirs).toEqual(['/cache/snapshot']);
});

it('a failed download is told in the row until bytes come again, and the worker goes on trying', async () => {
  const setup = await createTestSetup();
  const { calls, fetchModel } = createFetches();
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(setup, { ...engines, fetchModel, configuredModel: { name: HUB_NAME } });
  await until(async () => calls.length === 1);
  calls[0]?.onProgress(progress(10));
  calls[0]?.fail(new AppError('disk_full', 'There is no room.'));
  await until(async () => (await rowOf(setup))?.last_error === 'There is no room.');
  expect(await rowOf(setup)).toMatchObject({ ready: false, download: null });
  await until(async () => calls.length === 2);
  calls[1]?.onProgress(progress(10));
  await until(async () => (await rowOf(setup))?.download?.bytes_done === 10);
  expect(await rowOf(setup)).toMatchObject({ last_error: 'There is no room.' });
  calls[1]?.onProgress(progress(11));
  await until(async () => (await rowOf(setup))?.last_error === null);
  calls[1]?.done();
  await until(async () => (await rowOf(setup))?.ready === true);
});

it('what only a person can change is tried again after the longest delay, other failures after the shortest', async () => {
  const setup = await createTestSetup();
  const { calls, fetchModel } = createFetches();
  const engines = createEngines(async () => resultWith('edited'));
  const hour = 3_600_000;
  startWorkers(setup, { ...engines, fetchModel }, { retryFirstMs: 1, retryMaxMs: hour });
  await until(async () => calls.length === 1);
  calls[0]?.fail(new AppError('disk_full', 'There is no room.'));
  await until(async () => calls.length === 2);
  calls[1]?.fail(new AppError('model_not_found', 'There is no such repository.'));
  await until(async () => (await rowOf(setup))?.last_error === 'There is no such repository.');
  // Many times longer than the third try would take after a failure of the first kind.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(calls).toHaveLength(2);
});

it('a stop ends a download under way, and with it the worker', async () => {
  const setup = await createTestSetup();
  const { calls, fetchModel } = createFetches();
  const engines = createEngines(async () => resultWith('edited'));
  const workers = startWorkers(setup, { ...engines, fetchModel });
  await until(async () => calls.length === 1);
  await workers.stop();
  expect(calls[0]?.signal.aborted).toBe(true);
  expect(engines.seen.opened).toBe(0);
  expect((await setup.database.pool.query('select from workers')).rowCount).toBe(0);
});
