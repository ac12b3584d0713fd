import { expect, it } from 'vitest';
import { reportWorker, type WorkerState } from '../../packages/db/src/index.ts';
import { startTestApi, submitOne } from './harness.ts';

const MODEL = { name: 'Qwen-Image-Edit-2511', digest: 'abc' };
const worker = (changes: Partial<WorkerState> = {}): WorkerState => ({
  ...{ id: 'worker_a', host: 'box', pid: 7, device: 'cpu', gpuId: null, ready: true, lastError: null, model: MODEL },
  ...changes,
});
const read = async (address: string): Promise<unknown> => (await fetch(address)).json();

it('the API tells of a model that is loaded with the first job, and of its jobs what they wait for', async () => {
  const api = await startTestApi({ limits: { statusCachedMs: 0 } });
  const model = { ...MODEL, loads_with_first_job: true };
  await reportWorker(api.database.db, worker({ ready: false, model }));
  const { id } = await submitOne(api);
  const job = await read(`${api.url}/v1/jobs/${id}`);
  expect(job).toMatchObject({
    progress: { waiting: { code: 'worker_not_ready', message: expect.stringContaining('with the first job') } },
  });
  expect(await read(`${api.url}/health`)).toMatchObject({
    model_status: 'unloaded',
    workers: [{ ready: false, last_error: null, loads_with_first_job: true }],
  });
  const listed = async () => ((await read(`${api.url}/v1/models`)) as { data: unknown[] }).data;
  expect(await listed()).toMatchObject([{ ready: false, last_error: null, loads_with_first_job: true }]);
  expect((await fetch(`${api.url}/readyz`)).status, 'it accepts jobs').toBe(200);
  expect(await (await fetch(`${api.url}/metrics`)).text()).toContain('qwen_edit_workers{ready="true"} 1');
  // Another loads it now: who waits reads that.
  await reportWorker(api.database.db, worker({ id: 'worker_b', ready: false }));
  expect(await read(`${api.url}/health`)).toMatchObject({ model_status: 'loading' });
  await reportWorker(api.database.db, worker({ id: 'worker_b', ready: false, lastError: 'a file is missing' }));
  expect(await read(`${api.url}/health`)).toMatchObject({ model_status: 'unloaded' });
  await reportWorker(api.database.db, worker({ id: 'worker_b' }));
  expect(await listed()).toMatchObject([{ ready: true, loads_with_first_job: false }]);
});
