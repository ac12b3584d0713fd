import { expect, it } from 'vitest';
import { CONTRACT_VERSION, type Job } from '../../packages/contract/src/index.ts';
import { createApiKey, reportWorker } from '../../packages/db/src/index.ts';
import { claim, picture, startTestApi, submitJson, submitOne, type TestApi } from './harness.ts';

const worker = (changes: object) => ({
  ...{ id: 'worker_a', host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: false, model: null, lastError: null },
  ...changes,
});

async function waitingOf(api: TestApi, id: string): Promise<Job['progress']['waiting']> {
  const job = (await (await fetch(`${api.url}/v1/jobs/${id}`)).json()) as Job;
  const { data } = (await (await fetch(`${api.url}/v1/jobs`)).json()) as { data: Job[] };
  expect(data.find((each) => each.id === id)?.progress.waiting).toEqual(job.progress.waiting);
  return job.progress.waiting;
}

it('a queued job says why nobody begins it, with what the workers last met', async () => {
  const api = await startTestApi({ limits: { statusCachedMs: 0 } });
  const { id } = await submitOne(api);
  const report = (changes: object): Promise<void> => reportWorker(api.database.db, worker(changes));
  expect(await waitingOf(api, id)).toMatchObject({ code: 'no_worker', last_error: null });
  await report({});
  expect(await waitingOf(api, id)).toMatchObject({ code: 'worker_not_ready', last_error: null });
  const download = { phase: 'downloading', bytes_done: 12_345_000_000, bytes: 57_700_000_000, files_done: 3 };
  await report({ download: { ...download, files: 31, bytes_per_second: null, eta_seconds: null } });
  expect(await waitingOf(api, id)).toEqual({
    code: 'model_downloading',
    message: 'The model is being downloaded: 12.3 of 57.7 GB. The job starts as soon as it is ready.',
    last_error: null,
  });
  await report({ lastError: '/models/edit is not a model folder.' });
  expect(await waitingOf(api, id)).toMatchObject({
    code: 'worker_not_ready',
    last_error: '/models/edit is not a model folder.',
  });
  await report({ id: 'worker_b', ready: true });
  expect(await waitingOf(api, id)).toBeNull();
  await api.database.pool.query('update jobs set needs_version = $2 where id = $1', [id, CONTRACT_VERSION + 1]);
  expect(await waitingOf(api, id)).toMatchObject({ code: 'newer_worker_needed' });
  await report({ id: 'worker_c', ready: true, contractVersion: CONTRACT_VERSION + 1 });
  expect(await waitingOf(api, id)).toBeNull();
});

it('a job that runs or has ended waits for nobody', async () => {
  const api = await startTestApi();
  const { id } = await submitOne(api);
  await claim(api.database, id);
  expect(await waitingOf(api, id)).toBeNull();
});

it('a worker’s own words are for whoever runs the service: another caller is told that there is trouble', async () => {
  const api = await startTestApi({ keysRequired: true });
  await reportWorker(api.database.db, worker({ lastError: 'There is no bucket edits-prod.', model: { name: 'm' } }));
  const keyOf = async (scopes: ('admin' | 'read' | 'submit')[]): Promise<Record<string, string>> => {
    const { secret } = await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes });
    return { authorization: `Bearer ${secret}` };
  };
  const [plain, admin] = [await keyOf(['read', 'submit']), await keyOf(['admin'])];
  const image = (await picture()).toString('base64');
  const { id } = (await (await submitJson(api, { prompt: 'x', images: [image] }, plain)).json()) as Job;
  const told = async (headers: Record<string, string>): Promise<string> => {
    const paths = [`/v1/jobs/${id}`, '/v1/jobs', '/v1/models'];
    return (await Promise.all(paths.map(async (path) => (await fetch(api.url + path, { headers })).text()))).join();
  };
  expect(await told(admin)).toContain('edits-prod');
  expect(await told(plain)).toContain('The worker has trouble');
  expect(await told(plain)).not.toContain('edits-prod');
});
