import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startHttpServer } from '../../apps/api/src/index.ts';
import { createClient } from '../../packages/client/src/index.ts';
import { AppError, type Health, type Job, type ModelCard } from '../../packages/contract/src/index.ts';
import { createApiKey, createDatabase, reportWorker, type WorkerState } from '../../packages/db/src/index.ts';
import { emptyUrl, freshDatabase } from '../db/harness.ts';
import { eventually, picture, startTestApi, submitJson, submitOne } from './harness.ts';
import { openRaw } from './raw-http.ts';

const MODEL = {
  name: 'Qwen-Image-Edit-2511',
  digest: 'abc',
  demo: false,
  num_inference_steps: 8,
  min_inference_steps: 2,
};
const worker = (changes: Partial<WorkerState> = {}): WorkerState => ({
  id: 'worker_a',
  host: 'h',
  pid: 1,
  device: 'cpu',
  gpuId: null,
  ready: true,
  model: { ...MODEL, condition_image_size: 147_456, vae_image_size: 1_048_576 },
  lastError: null,
  ...changes,
});
const read = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
/** Of a worker that neither downloads its model nor waits for a first job. */
const NOTHING = { download: null, loads_with_first_job: false };

/** A port where nobody listens. */
const NOBODY = 'postgres://x:x@127.0.0.1:1/x';

describe('GET /health', () => {
  it('tells the workers as the guide names it', async () => {
    const api = await startTestApi();
    expect(await read(`${api.url}/health`)).toEqual({ version: '1.2.3', model: null, model_status: null, workers: [] });
    await submitOne(api);
    await reportWorker(api.database.db, worker());
    await reportWorker(
      api.database.db,
      worker({ id: 'worker_b', gpuId: 1, device: 'cuda:0', ready: false, model: null, lastError: 'no room' }),
    );
    await reportWorker(api.database.db, worker({ id: 'worker_c' }));
    await api.database.pool.query(`update workers set heartbeat_at = now() - interval '1 hour' where id = 'worker_c'`);
    await api.database.pool.query(`update workers set started_at = now() - interval '90 seconds'`);
    expect(await read(`${api.url}/health`)).toEqual({
      version: '1.2.3',
      model: 'Qwen-Image-Edit-2511',
      model_status: 'ready',
      workers: [
        { gpu_id: 1, device: 'cuda:0', ready: false, queue_len: 1, last_error: 'no room', ...NOTHING, uptime_s: 90 },
        { gpu_id: null, device: 'cpu', ready: true, queue_len: 1, last_error: null, ...NOTHING, uptime_s: 90 },
      ],
    });
  });

  it('tells a worker’s own words to whoever runs the service, and to no other caller', async () => {
    const api = await startTestApi({ keysRequired: true });
    const lastError = 'There is no bucket edits-prod.';
    await reportWorker(api.database.db, worker({ ready: false, lastError }));
    const { secret } = await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: ['read', 'submit'] });
    const { secret: admin } = await createApiKey(api.database.db, { owner: 'ops', name: 'x', scopes: ['admin'] });
    const told = async (headers: Record<string, string>) =>
      ((await (await fetch(`${api.url}/health`, { headers })).json()) as Health).workers[0]?.last_error;
    expect(await told({ authorization: `Bearer ${admin}` })).toBe(lastError);
    for (const headers of [{}, { authorization: `Bearer ${secret}` }, { authorization: 'Bearer x' }]) {
      expect(await told(headers as Record<string, string>)).toMatch(/^The worker has trouble/);
    }
  });

  it('names the configured model while it loads, and says when it cannot be loaded', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 0 } });
    await reportWorker(api.database.db, worker({ ready: false }));
    expect(await read(`${api.url}/health`)).toMatchObject({ model: 'Qwen-Image-Edit-2511', model_status: 'loading' });
    await reportWorker(api.database.db, worker({ ready: false, lastError: 'a file is missing' }));
    expect(await read(`${api.url}/health`)).toMatchObject({ model: 'Qwen-Image-Edit-2511', model_status: 'failed' });
    const { data } = (await read(`${api.url}/v1/models`)) as { data: unknown[] };
    expect(data).toMatchObject([{ ready: false, last_error: 'a file is missing' }]);
  });

  it('tells how far the download of a model is, also in /v1/models, as a part of loading', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 0 } });
    const download = (bytes_done: number) => ({
      ...{ phase: 'downloading', bytes_done, bytes: 57_700_000_000, files_done: 3, files: 31 },
      ...{ bytes_per_second: null, eta_seconds: null },
    });
    const model = { name: 'Qwen-Image-Edit-2511' };
    const report = (changes: Partial<WorkerState>) => reportWorker(api.database.db, worker({ model, ...changes }));
    await report({ ready: false, download: download(7) });
    await report({ id: 'worker_b', ready: false, download: download(9) });
    await report({ id: 'worker_c', ready: false, download: download(99), lastError: 'no room' });
    const told = async () => ({
      health: await read(`${api.url}/health`),
      model: ((await read(`${api.url}/v1/models`)) as { data: unknown[] }).data[0],
    });
    expect(await told()).toMatchObject({
      health: { model: 'Qwen-Image-Edit-2511', model_status: 'loading', workers: [{ download: download(7) }, {}, {}] },
      model: { id: 'Qwen-Image-Edit-2511', ready: false, download: download(9) },
    });
    expect((await fetch(`${api.url}/readyz`)).status, 'it accepts jobs').toBe(200);
    await report({ id: 'worker_b', ready: true, download: download(9) });
    expect(await told()).toMatchObject({
      health: { model_status: 'ready', workers: [{ download: download(7) }, { download: null }, {}] },
      model: { ready: true, download: null },
    });
  });

  it('is 200 when the database is away', async () => {
    const api = await startTestApi({ database: createDatabase({ url: NOBODY }) });
    const response = await fetch(`${api.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ version: '1.2.3', model: null, model_status: null, workers: [] });
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect((await fetch(`${api.url}/metrics`)).status).toBe(200);
    for (const path of ['/readyz', '/v1/jobs', '/v1/models']) {
      const refused = await fetch(api.url + path);
      expect(refused.headers.get('retry-after')).toBe('5');
      expect(await refused.json()).toMatchObject({ status: 503, code: 'database_unavailable' });
    }
    expect(api.lines.join('')).not.toContain('unforeseen');
  });

  it('answers in time when the database does not answer at all', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const database = createDatabase({ url: `postgres://x:x@127.0.0.1:${port}/x`, connectTimeoutMs: 3000 });
    const api = await startTestApi({ database, limits: { statusTimeoutMs: 100 } });
    expect(await read(`${api.url}/health`)).toMatchObject({ workers: [] });
    expect(await read(`${api.url}/readyz`)).toMatchObject({ status: 503, code: 'not_ready' });
    silent.close();
  });
});

describe('GET /readyz', () => {
  it('is 200 when the parts work', async () => {
    const api = await startTestApi();
    expect(await read(`${api.url}/readyz`)).toEqual({ status: 'ready' });
  });

  it('is 503 while migrations are missing', async () => {
    const api = await startTestApi({ database: createDatabase({ url: await emptyUrl() }) });
    expect(await read(`${api.url}/readyz`)).toMatchObject({ status: 503, code: 'migration_needed' });
    expect(await read(`${api.url}/v1/jobs`)).toMatchObject({ status: 503, code: 'migration_needed' });
    await api.database.close();
  });

  it('is 503 while the storage cannot be used', async () => {
    const gone = async (): Promise<never> => {
      throw new AppError('storage_unavailable', 'the bucket is gone');
    };
    const api = await startTestApi({ wrapStore: (store) => ({ ...store, check: gone, put: gone }) });
    const told = () => api.lines.filter((line) => line.includes('the bucket is gone') && line.includes('not ready'));
    for (let asked = 0; asked < 3; asked++) {
      expect(await read(`${api.url}/readyz`)).toMatchObject({
        ...{ status: 503, code: 'storage_unavailable', detail: 'The object storage cannot be used.' },
      });
    }
    expect(told(), 'its own words are for whoever runs the service, once').toHaveLength(1);
    const images = [(await picture()).toString('base64')];
    const refused = await submitJson(api, { prompt: 'x', images });
    expect(await refused.json()).toMatchObject({ status: 503, code: 'storage_unavailable', retryable: true });
    expect((await api.database.pool.query('select from jobs')).rowCount).toBe(0);
  });
});

it('GET /v1/models tells the models of live workers; what they cannot do is refused at once', async () => {
  const api = await startTestApi();
  expect(await read(`${api.url}/v1/models`)).toMatchObject({ data: [], defaults: { num_inference_steps: 40 } });
  await reportWorker(api.database.db, worker());
  await reportWorker(api.database.db, worker({ id: 'worker_b', ready: false, device: 'cuda:0', gpuId: 0 }));
  expect(await read(`${api.url}/v1/models`)).toMatchObject({
    data: [
      {
        id: 'Qwen-Image-Edit-2511',
        ready: true,
        workers: 2,
        devices: ['cuda:0', 'cpu'],
        defaults: { num_inference_steps: 8, seed: '0', size: 'auto', reference_size: 'model', output_area: 1_048_576 },
        limits: { min_inference_steps: 2 },
        vae_image_size: 1_048_576,
        reference_size: null,
        demo: false,
        summary: null,
        licence: null,
        full_model: null,
        edits: [],
      },
    ],
    limits: { images: 8, num_inference_steps: 100, output_area: 4096 ** 2, pixels_together: 2 * 4096 ** 2 },
  });
  const images = [(await picture()).toString('base64')];
  const refused = await submitJson(api, { prompt: 'x', images, num_inference_steps: 1 });
  expect(await refused.json()).toMatchObject({ status: 400, code: 'steps_too_few' });
  const large = { prompt: 'x', images: [...images, ...images], size: '4096x4096', reference_size: 'output' };
  expect(await (await submitJson(api, large)).json()).toMatchObject({
    code: 'invalid_parameter',
    errors: [{ path: 'reference_size', message: expect.stringContaining('together they may have 33554432') }],
  });
});

it('more pictures than the model takes are refused at once, and GET /v1/models tells how many it takes', async () => {
  const api = await startTestApi({ limits: { statusCachedMs: 0 } });
  const image = (await picture()).toString('base64');
  const submitTwo = () => submitJson(api, { prompt: 'x', images: [image, image] });
  const mostOf = async () =>
    (await createClient({ baseUrl: api.url }).models()).data.map((each) => each.limits.max_images);

  await reportWorker(api.database.db, worker());
  expect(await mostOf(), 'a worker of an earlier version does not say').toEqual([8]);
  expect((await submitTwo()).status).toBe(202);

  await reportWorker(api.database.db, worker({ model: { ...MODEL, max_images: 1 } }));
  expect(await mostOf()).toEqual([1]);
  const refused = await submitTwo();
  expect(await refused.json()).toMatchObject({
    ...{ status: 400, code: 'invalid_parameter' },
    detail: 'images must have at most 1 picture with this model, not 2.',
    errors: [{ path: 'images', code: 'too_many', parameters: { max: 1 } }],
  });
  expect((await submitJson(api, { prompt: 'x', images: [image] })).status).toBe(202);
});

const CARD: ModelCard = {
  name: 'a demo',
  demo: true,
  summary: { en: 'It shows <things>.', zh: '演示。' },
  licence: 'Apache-2.0',
  full_model: { en: 'Get the real one.', zh: '获取真正的模型。' },
  edits: [
    {
      kind: 'blend',
      pictures: 2,
      title: { en: 'Blend', zh: '混合' },
      prompts: { en: ["blend one & two's"], zh: ['混合两张图片'] },
    },
  ],
};
const demoWorker = (): WorkerState => worker({ model: { ...MODEL, demo: true, card: CARD } });

it('GET /v1/models tells what the model card says', async () => {
  const api = await startTestApi();
  await reportWorker(api.database.db, demoWorker());
  const {
    data: [model],
  } = await createClient({ baseUrl: api.url }).models();
  const { name: _name, ...said } = CARD;
  expect(model).toMatchObject({ id: MODEL.name, ...said });
});

it('a card that cannot be read, as of a later version, takes nothing else away', async () => {
  const api = await startTestApi();
  await reportWorker(api.database.db, worker({ model: { ...MODEL, card: { edits: 'all of them' } } }));
  const {
    data: [model],
  } = await createClient({ baseUrl: api.url }).models();
  expect(model).toMatchObject({ id: MODEL.name, summary: null, edits: [], limits: { min_inference_steps: 2 } });
});

it('the page at / lists the edits that the model knows, and is there without a database', async () => {
  const api = await startTestApi();
  await reportWorker(api.database.db, demoWorker());
  const html = await (await fetch(api.url)).text();
  for (const text of ['It shows &#60;things&#62;.', '演示。', 'Get the real one.', '获取真正的模型。', '混合两张图片'])
    expect(html).toContain(text);
  expect(html).toContain('Blend 混合 (2 pictures)</th><td>blend one &#38; two&#39;s</td>');
  const alone = await startTestApi({ database: createDatabase({ url: NOBODY }) });
  const response = await fetch(alone.url);
  expect(response.status).toBe(200);
  expect(await response.text()).not.toContain('<table>');
});

it('the page at / tells what this is, on any screen', async () => {
  const api = await startTestApi();
  const response = await fetch(api.url);
  expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  const html = await response.text();
  expect(html).toContain('name="viewport"');
  expect(html).toContain(`${api.url}/edit`);
});

it('a request id that can be logged is kept, another is replaced', async () => {
  const api = await startTestApi();
  const idOf = async (given: string) =>
    (await fetch(`${api.url}/livez`, { headers: { 'x-request-id': given } })).headers.get('x-request-id');
  expect(await idOf('my-Request_1:2.3')).toBe('my-Request_1:2.3');
  for (const bad of ['', 'a b', 'x'.repeat(129), '"', 'a/b']) expect(await idOf(bad)).toMatch(/^req_[0-9a-f]{32}$/);
});

it('a given X-Request-Id leads to its job, and lines of requests tell job, owner and key', async () => {
  const api = await startTestApi({ keysRequired: true });
  const { secret, row } = await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: ['submit', 'read'] });
  const headers = { authorization: `Bearer ${secret}`, 'x-request-id': 'my-Request_1' };
  const images = [(await picture()).toString('base64')];
  const { id, urls } = (await (
    await submitJson(api, { prompt: 'a-very-private-prompt', images }, headers)
  ).json()) as Job;
  const { rows } = await api.database.pool.query('select request_id from jobs where id = $1', [id]);
  expect(rows).toEqual([{ request_id: 'my-Request_1' }]);
  await fetch(urls.cancel, { method: 'POST', headers });
  const requests = () => api.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
  await eventually(() => requests().length === 2);
  const facts = { request_id: 'my-Request_1', job_id: id, owner: 'ann', key_id: row.id };
  expect(requests()).toEqual([
    expect.objectContaining({ ...facts, route: '/v1/jobs' }),
    expect.objectContaining({ ...facts, route: '/v1/jobs/:id/cancel' }),
  ]);
  expect(api.lines.join('')).not.toMatch(new RegExp(`very-private|${secret}|${images[0]}`));
});

it('an unforeseen error is logged with its place, and no caller sees it; prompts are in no line', async () => {
  const api = await startTestApi({
    database: await freshDatabase(),
    wrapStore: (store) => ({
      ...store,
      async put() {
        throw new TypeError('secret-detail of the bucket');
      },
    }),
  });
  const images = [(await picture()).toString('base64')];
  const prompt = 'a-very-private-prompt';
  const response = await submitJson(api, { prompt, images });
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(text).not.toContain('secret-detail');
  const { request_id } = JSON.parse(text);
  const line = api.lines.find((each) => each.includes('unforeseen error'))!;
  expect(JSON.parse(line)).toMatchObject({ request_id, code: 'internal', route: '/v1/jobs' });
  expect(line).toContain('secret-detail');
  expect(line).toContain('operations.test.ts');

  // A query that fails carries its parameters in its message.
  await api.database.pool.query('alter table assets drop column width');
  expect((await submitJson(api, { prompt, images })).status).toBe(500);
  await api.database.pool.query('alter table idempotency_keys drop column token');
  await submitJson(api, { prompt, images }, { 'idempotency-key': 'a-very-private-key' });
  expect(api.lines.join('')).not.toMatch(/very-private/);
});

/** Longer than any test may take: what ends at all was ended by what the test does. */
const FOREVER_SECONDS = 600;

describe('an idle connection', () => {
  const request = 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

  it('is kept for longer than balancers keep theirs', async () => {
    const api = await startTestApi();
    const connection = openRaw(api.port, request);
    const { headers } = await connection.answer((received) => received.endsWith('}'));
    connection.socket.destroy();
    expect(headers['keep-alive']).toBe('timeout=75');
  });

  it('is closed when its time is over, and one that has sent nothing yet is not closed earlier', async () => {
    const api = await startTestApi({ timeouts: { keepAliveMs: 100, headersMs: 1000 * FOREVER_SECONDS } });
    const fresh = openRaw(api.port, '');
    const used = openRaw(api.port, request);
    await used.answer((received) => received.endsWith('}'));
    await used.answer();
    // It was idle for as long, but it waits for its first headers.
    fresh.socket.write(request);
    expect((await fresh.answer((received) => received.endsWith('}'))).status).toBe(200);
    fresh.socket.destroy();
  });
});

describe('a service that is stopped', () => {
  it('ends streams and waits at once, answers what runs, and takes nothing more', async () => {
    const api = await startTestApi({ limits: { maxWaitSeconds: FOREVER_SECONDS } });
    const images = [(await picture()).toString('base64')];
    const { id } = await submitOne(api);
    const events = await fetch(`${api.url}/v1/jobs/${id}/events`, { headers: { accept: 'text/event-stream' } });
    const reading = events.text();
    const waiting = submitJson(api, { prompt: 'x', images }, { prefer: `wait=${FOREVER_SECONDS}` });
    const editing = fetch(`${api.url}/edit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'x', image_base64: images[0] }),
    });
    await eventually(() => api.api.stats().waiting === 3);
    const idle = openRaw(api.port, 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await idle.answer((received) => received.endsWith('}'));

    const stopped = api.stop(1000 * FOREVER_SECONDS);
    expect(await reading).toContain('event: job.queued');
    expect((await waiting).status).toBe(202);
    const edit = await editing;
    expect(edit.status, 'its job goes on: an error would have the caller make another one').toBe(202);
    expect(edit.headers.get('location')).toBe(((await edit.json()) as Job).urls.get);
    await stopped;
    expect(api.api.stats()).toEqual({ waiting: 0, streams: 0, bytesHeld: 0 });
    await expect(fetch(`${api.url}/livez`)).rejects.toThrow();
    const { rows } = await api.database.pool.query('select status from jobs');
    expect(rows, 'no job is lost').toEqual([{ status: 'queued' }, { status: 'queued' }, { status: 'queued' }]);
  });

  it('is not ready from the first moment on, and tells each connection to end, while it still answers', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 1000 * FOREVER_SECONDS } });
    const { id } = await submitOne(api);
    const get = (path: string) => fetch(`${api.url}${path}`);
    const before = await get('/readyz');
    expect([before.status, before.headers.get('connection')]).toEqual([200, 'keep-alive']);
    await before.text();
    const events = await fetch(`${api.url}/v1/jobs/${id}/events`, { headers: { accept: 'text/event-stream' } });

    api.drain();
    for (const [path, status] of [
      ['/readyz', 503],
      ['/livez', 200],
      [`/v1/jobs/${id}`, 200],
      ['/nowhere', 404],
    ] as const) {
      const answer = await get(path);
      expect([answer.status, answer.headers.get('connection')], path).toEqual([status, 'close']);
      await answer.text();
    }
    await submitOne(api);
    expect(api.api.stats().streams).toBe(1);
    const reading = events.text();
    await api.stop();
    expect(await reading).toContain('event: job.queued');
  });

  it('goes on listening for as long as its balancer needs to notice', async () => {
    const stopWhileAsked = async (drainMs: number): Promise<number | 'refused' | 'asked too late'> => {
      const api = await startTestApi({ drainMs });
      const start = performance.now();
      const stopped = api.stop();
      const answer = await fetch(`${api.url}/livez`).catch(() => undefined);
      const isLate = performance.now() - start >= drainMs;
      await stopped;
      // Timers may be early by the fraction of a millisecond.
      expect(performance.now() - start).toBeGreaterThan(drainMs - 2);
      await expect(fetch(`${api.url}/livez`)).rejects.toThrow();
      return answer?.status ?? (isLate ? 'asked too late' : 'refused');
    };
    let told = await stopWhileAsked(300);
    // The machine stalled.
    for (const drainMs of [3000, 30_000]) if (told === 'asked too late') told = await stopWhileAsked(drainMs);
    expect(told).toBe(200);
  });

  it('closes connections that are not finished when the grace is over', async () => {
    const api = await startTestApi();
    const half = openRaw(
      api.port,
      'POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nContent-Type: application/json\r\n\r\n{',
    );
    await eventually(() => api.api.stats().bytesHeld > 0);
    await api.stop(100);
    await half.answer();
    await eventually(() => api.api.stats().bytesHeld === 0);
  });
});

it('a port that is taken is an error of its own', async () => {
  const api = await startTestApi();
  const start = (host: string, port: number) => startHttpServer({ app: api.api, host, port });
  await expect(start('127.0.0.1', api.port)).rejects.toMatchObject({ code: 'port_in_use' });
  await expect(start('203.0.113.1', 0)).rejects.toMatchObject({ code: 'usage' });
});
