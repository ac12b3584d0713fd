import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError, type Job, jobListSchema, jobSchema } from '../../packages/contract/src/index.ts';
import { ObjectsKept } from '../../packages/storage/src/index.ts';
import { freshDatabase } from '../db/harness.ts';
import { claim, eventually, finishJob, picture, startTestApi, submitJson, submitOne, type TestApi } from './harness.ts';

const prompt = 'make it blue';

async function servePicture(bytes: Uint8Array): Promise<string> {
  const server = createServer((_request, response) => response.end(bytes)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/picture`;
}

async function upload(api: TestApi, bytes: Uint8Array): Promise<string> {
  const { id, url, method, headers } = (await (await fetch(`${api.url}/v1/uploads`, { method: 'POST' })).json()) as {
    id: string;
    url: string;
    method: string;
    headers: Record<string, string>;
  };
  const put = await fetch(url, { method, headers, body: new Uint8Array(bytes) });
  expect(put.status).toBe(200);
  return id;
}

async function expectJob(response: Response, status = 202): Promise<Job> {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  const job = jobSchema.parse(JSON.parse(text));
  expect(response.headers.get('location')).toBe(job.urls.get);
  return job;
}

describe('every form of a submission makes the same job', () => {
  it('pictures in JSON: base64, data URL, upload, address; as texts and as objects', async () => {
    const api = await startTestApi({ allowPrivateUrls: true });
    const bytes = await picture();
    const base64 = bytes.toString('base64');
    const url = await servePicture(bytes);
    const id = await upload(api, bytes);
    const images = [
      base64,
      `data:image/gif;base64,${base64}`,
      id,
      url,
      { data: base64.replace(/.{60}/g, '$&\r\n').replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_') },
      { upload_id: id },
      { url },
      { url: `data:;base64,${base64}` },
    ];
    const job = await expectJob(await submitJson(api, { prompt, images, num_inference_steps: 8 }));
    expect(job.input).toMatchObject({ prompt, num_inference_steps: 8 });
    expect(job.input.images).toHaveLength(8);
    // One picture, stored once.
    expect(new Set(job.input.images.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(job.input.images[0]).toMatchObject({ width: 48, height: 32, media_type: 'image/png', bytes: bytes.length });
    const stored = await Array.fromAsync(api.store.list('inputs/'));
    expect(stored).toHaveLength(1);
  });

  it('a form with params as JSON, another with flat fields, in all names of a picture', async () => {
    const api = await startTestApi();
    const blob = new Blob([new Uint8Array(await picture())], { type: 'text/html' });
    const parameters = { prompt, num_inference_steps: 8, true_cfg_scale: 2.5, seed: '12', negative_prompt: null };
    const form = new FormData();
    form.append('params', JSON.stringify(parameters));
    form.append('metadata', JSON.stringify({ who: 'ann' }));
    for (const name of ['image', 'image[]', 'images', 'images[]']) form.append(name, blob, 'anything.exe');
    const one = await expectJob(await fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form }));
    expect(one.input).toMatchObject(parameters);
    expect(one.metadata).toEqual({ who: 'ann' });
    expect(one.input.images).toHaveLength(4);

    const flat = new FormData();
    for (const [name, text] of Object.entries({
      prompt,
      num_inference_steps: ' 8 ',
      true_cfg_scale: '2.5',
      seed: '12',
    }))
      flat.append(name, text);
    // A page's form sends what was left empty, too.
    flat.append('width', '');
    flat.append('image', (await picture()).toString('base64'));
    const two = await expectJob(await fetch(`${api.url}/v1/jobs`, { method: 'POST', body: flat }));
    const { images: _, ...input } = two.input;
    expect(input).toEqual({ prompt, num_inference_steps: 8, true_cfg_scale: 2.5, seed: '12' });
  });

  it('options of the job are kept', async () => {
    const api = await startTestApi();
    const options = {
      metadata: { order: '17' },
      webhook_url: 'https://example.com/hook',
      webhook_secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      deadline: '2099-01-31T12:00:00+01:00',
    };
    const job = await submitOne(api, options);
    expect(job).toMatchObject({
      metadata: { order: '17' },
      webhook_url: 'https://example.com/hook',
      deadline: '2099-01-31T11:00:00.000Z',
    });
    expect(JSON.stringify(job)).not.toContain('whsec_');
  });
});

it('a job whose request names no deadline has one all the same, and shows it', async () => {
  const api = await startTestApi({ deadlineMs: 3_600_000 });
  const job = await submitOne(api);
  expect(Date.parse(job.deadline ?? '') - Date.parse(job.created_at)).toBe(3_600_000);
  const read = await (await fetch(`${api.url}/v1/jobs/${job.id}`)).json();
  expect(read).toMatchObject({ deadline: job.deadline });
});

it('a picture that is swept while its job is accepted is stored again', async () => {
  const database = await freshDatabase();
  let sweeps = 0;
  const api = await startTestApi({
    // Counting the queue takes a transaction, in which this test can meddle.
    maxQueue: 100,
    database: {
      ...database,
      async transaction(work) {
        if (sweeps > 0) await database.pool.query('delete from assets');
        sweeps--;
        return database.transaction(work);
      },
    },
  });
  sweeps = 2;
  const job = await submitOne(api);
  expect(sweeps).toBe(-1);
  const { rows } = await database.pool.query('select key from assets');
  expect(await api.store.head(rows[0].key)).toMatchObject({ bytes: job.input.images[0]?.bytes });

  sweeps = 3;
  const images = [(await picture('#000')).toString('base64')];
  await database.pool.query('delete from job_inputs');
  expect(await (await submitJson(api, { prompt, images })).json()).toMatchObject({ code: 'storage_unavailable' });
});

it('a stored picture that was lost comes back with the next submission', async () => {
  const api = await startTestApi();
  const { input } = await submitOne(api);
  const [object] = await Array.fromAsync(api.store.list('inputs/'));
  await api.store.delete([object!.key]);
  await submitOne(api);
  expect(await api.store.head(object!.key)).toMatchObject({ bytes: input.images[0]?.bytes });
  expect((await api.database.pool.query('select from assets')).rowCount).toBe(1);
});

it('a queue that is full refuses with the time to wait', async () => {
  const api = await startTestApi({ maxQueue: 2 });
  const first = await submitOne(api);
  await submitOne(api);
  const images = [(await picture()).toString('base64')];
  const refused = await submitJson(api, { prompt, images });
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('10');
  expect(await refused.json()).toMatchObject({ code: 'queue_full', retryable: true });
  await claim(api.database, first.id);
  await submitOne(api);
});

it('a full queue says when there may be room, by what recent jobs took', async () => {
  const api = await startTestApi({ maxQueue: 1 });
  const first = await submitOne(api);
  await claim(api.database, first.id);
  await submitOne(api);
  await api.database.pool.query(
    `insert into jobs (id, owner, status, parameters, max_attempts, started_at, completed_at)
     values ('job_old', 'bob', 'succeeded', '{}', 3, now() - interval '40 seconds', now());
     insert into workers (id, host, pid, device, ready) values ('a', 'h', 1, 'cpu', true)`,
  );
  await api.database.pool.query(`update jobs set started_at = now() - interval '10 seconds' where id = $1`, [first.id]);
  const images = [(await picture()).toString('base64')];
  const refused = await submitJson(api, { prompt, images });
  expect(refused.status).toBe(429);
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(25);
  expect(seconds).toBeLessThanOrEqual(30);
});

describe('Prefer: wait', () => {
  it('answers 200 with a job that is done in time', async () => {
    const api = await startTestApi();
    const images = [(await picture()).toString('base64')];
    const answer = submitJson(api, { prompt, images }, { prefer: 'respond-async, wait=30' });
    await eventually(async () => (await list(api)).data.length === 1);
    const { id } = (await list(api)).data[0]!;
    await finishJob(api, await claim(api.database, id), [await picture('#f00'), await picture('#0f0')]);
    const response = await answer;
    expect(response.headers.get('preference-applied')).toBe('wait=30');
    const job = await expectJob(response, 200);
    expect(job).toMatchObject({ id, status: 'succeeded', seed: '7', attempt: 1 });
    expect(job.output?.map(({ index, url }) => [index, url])).toEqual([
      [0, `${job.urls.get}/outputs/0`],
      [1, `${job.urls.get}/outputs/1`],
    ]);
  });

  it('answers 202 with a job that is not', async () => {
    const api = await startTestApi();
    const images = [(await picture()).toString('base64')];
    const response = await submitJson(api, { prompt, images }, { prefer: 'wait=1' });
    expect(response.headers.get('preference-applied')).toBe('wait=1');
    expect(await expectJob(response)).toMatchObject({ status: 'queued', progress: { queue_position: 0 } });
    expect(api.api.stats()).toEqual({ waiting: 0, streams: 0, bytesHeld: 0 });
  });
});

async function list(api: TestApi, query = '') {
  const response = await fetch(`${api.url}/v1/jobs${query}`);
  expect(response.status).toBe(200);
  return jobListSchema.parse(await response.json());
}

it('a job is cancelled in every state, and deleted when it is final', async () => {
  const api = await startTestApi();
  const post = async (id: string) => (await fetch(`${api.url}/v1/jobs/${id}/cancel`, { method: 'POST' })).json();
  const remove = (id: string) => fetch(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' });
  const queued = await submitOne(api);
  expect(await (await remove(queued.id)).json()).toMatchObject({ status: 409, code: 'job_state' });
  expect(await post(queued.id)).toMatchObject({ status: 'canceled', cancel_requested: false });
  expect(await post(queued.id)).toMatchObject({ status: 'canceled' });

  const running = await submitOne(api);
  const lease = await claim(api.database, running.id);
  expect(await post(running.id)).toMatchObject({ status: 'running', cancel_requested: true });
  await finishJob(api, lease, [await picture('#f00')]);
  expect(await post(running.id)).toMatchObject({ status: 'succeeded', cancel_requested: false });

  expect((await remove(running.id)).status).toBe(204);
  expect((await fetch(running.urls.get)).status).toBe(404);
  expect(await Array.fromAsync(api.store.list('outputs/'))).toEqual([]);
  expect(await Array.fromAsync(api.store.list('inputs/')), 'the other job has the same picture').toHaveLength(1);
  expect((await remove(queued.id)).status).toBe(204);
  expect(await Array.fromAsync(api.store.list(''))).toEqual([]);
  for (const id of [running.id, 'job_0', '%00', 'job_%F0%9F%98%80']) {
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/cancel'],
      ['GET', '/events'],
    ] as const) {
      const response = await fetch(`${api.url}/v1/jobs/${id}${path}`, { method });
      expect(await response.json()).toMatchObject({ status: 404, code: 'not_found' });
    }
  }
});

it('a job is gone also if the store does not delete its pictures: these are noted, shown in the log, and forgotten by no death', async () => {
  let refuses = true;
  const api = await startTestApi({
    wrapStore: (store) => ({
      ...store,
      async delete(keys, options) {
        const refused = keys.filter((key) => refuses && key.startsWith('outputs/'));
        await store.delete(
          keys.filter((key) => !refused.includes(key)),
          options,
        );
        if (refused.length === 0) return;
        throw new ObjectsKept(new Map(refused.map((key) => [key, 'AccessDenied'])), { where: 'the store' });
      },
    }),
  });
  const { id } = await submitOne(api);
  await finishJob(api, await claim(api.database, id), [await picture('#f00')]);
  expect((await fetch(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await fetch(`${api.url}/v1/jobs/${id}`)).status).toBe(404);
  expect(await Array.fromAsync(api.store.list('inputs/'))).toEqual([]);
  const [left] = await Array.fromAsync(api.store.list('outputs/'));
  const { rows } = await api.database.pool.query('select key, attempts, error from object_deletions');
  expect(rows).toEqual([{ key: left!.key, attempts: 1, error: 'AccessDenied' }]);
  expect(api.lines.filter((line) => line.includes(left!.key) && line.includes('AccessDenied'))).toHaveLength(1);

  refuses = false;
  const other = await submitOne(api);
  await fetch(`${api.url}/v1/jobs/${other.id}/cancel`, { method: 'POST' });
  expect((await fetch(`${api.url}/v1/jobs/${other.id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await api.database.pool.query('select from object_deletions')).rowCount).toBe(1);
});

describe('a result', () => {
  async function startWithResult() {
    const api = await startTestApi();
    const { id } = await submitOne(api);
    const bytes = await picture('#f00', { width: 100, height: 80 });
    await finishJob(api, await claim(api.database, id), [bytes]);
    const get = (headers: Record<string, string> = {}, method = 'GET') =>
      fetch(`${api.url}/v1/jobs/${id}/outputs/0`, { headers, method });
    return { api, id, bytes, get };
  }

  it('comes whole, with the headers that a cache needs', async () => {
    const { id, bytes, get } = await startWithResult();
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(bytes.length),
      'content-disposition': `inline; filename="${id}-0.png"`,
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=31536000, immutable',
    });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    const etag = response.headers.get('etag')!;
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    for (const known of [etag, `"x", W/${etag}`, '*']) {
      const again = await get({ 'if-none-match': known });
      expect(again.status).toBe(304);
      expect(again.headers.get('etag')).toBe(etag);
      expect(await again.text()).toBe('');
    }
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  });

  it('comes in ranges', async () => {
    const { bytes, get } = await startWithResult();
    const size = bytes.length;
    const etag = (await get({}, 'HEAD')).headers.get('etag')!;
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 0],
      ['bytes=10-19', 10, 19],
      ['bytes=10-', 10, size - 1],
      ['bytes=-5', size - 5, size - 1],
      ['bytes=-999999', 0, size - 1],
      [`bytes=5-${size + 50}`, 5, size - 1],
    ] as const) {
      const response = await get({ range });
      expect(response.status, range).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${size}`);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes.subarray(start, end + 1));
    }
    for (const range of [`bytes=${size}-`, 'bytes=-0']) {
      const response = await get({ range });
      expect(response.headers.get('content-range')).toBe(`bytes */${size}`);
      expect(await response.json()).toMatchObject({ status: 416, code: 'range_not_satisfiable' });
    }
    // What need not be understood is ignored.
    for (const range of ['bytes=0-1,4-5', 'lines=1-2', 'bytes=9-2', 'bytes=x', 'bytes=-'])
      expect((await get({ range })).status, range).toBe(200);
    expect((await get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
  });

  it('that is not there is 404', async () => {
    const { api, id } = await startWithResult();
    const { id: queued } = await submitOne(api);
    for (const path of [
      `${id}/outputs/1`,
      `${id}/outputs/-1`,
      `${id}/outputs/x`,
      `${queued}/outputs/0`,
      'job_0/outputs/0',
    ])
      expect((await fetch(`${api.url}/v1/jobs/${path}`)).status, path).toBe(404);
  });

  it('on S3 is a redirect to a signed address, but for what needs none', async () => {
    const api = await startTestApi({
      wrapStore: (store) => ({
        ...store,
        answersSignedUrls: true,
        presignGet: async (key, { expiresSeconds, mediaType }) =>
          `https://s3.example/${key}?${expiresSeconds}&${mediaType}`,
      }),
    });
    const { id } = await submitOne(api);
    await finishJob(api, await claim(api.database, id), [await picture('#f00')]);
    const get = (init: RequestInit = {}) =>
      fetch(`${api.url}/v1/jobs/${id}/outputs/0`, { redirect: 'manual', ...init });
    const redirect = await get();
    expect(redirect.status).toBe(302);
    expect(redirect.headers.get('location')).toMatch(/^https:\/\/s3\.example\/outputs\/job_.*\.png\?3600&image\/png$/);
    // The address expires, so that nobody may keep it.
    expect(redirect.headers.get('cache-control')).toBe('no-store');
    const etag = redirect.headers.get('etag')!;
    expect((await get({ headers: { 'if-none-match': etag } })).status).toBe(304);
    const head = await get({ method: 'HEAD' });
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag]);
  });

  it('is cut off if the storage breaks off, so that nobody takes a part for the whole', async () => {
    const bytes = await picture('#f00', { width: 300, height: 200 });
    const bodies: Readable[] = [];
    const api = await startTestApi({
      wrapStore: (store) => ({
        ...store,
        async get(key, options) {
          const found = await store.get(key, options);
          if (found === undefined || !key.startsWith('outputs/')) return found;
          found.body.destroy();
          const body = Readable.from(brokenOff(bytes));
          bodies.push(body);
          return { ...found, body };
        },
      }),
    });
    const { id } = await submitOne(api);
    await finishJob(api, await claim(api.database, id), [bytes]);
    const response = await fetch(`${api.url}/v1/jobs/${id}/outputs/0`);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
    expect(api.lines.join('')).toContain('an object could not be sent to its end');

    const { rows } = await api.database.pool.query(`select key from assets where kind = 'output'`);
    await api.store.delete([rows[0].key]);
    expect((await fetch(`${api.url}/v1/jobs/${id}/outputs/0`)).status).toBe(404);
  });
});

async function* brokenOff(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 100);
  throw new AppError('storage_unavailable', 'reset in mid-body');
}

describe('an upload', () => {
  const ask = (api: TestApi, body?: unknown) =>
    fetch(`${api.url}/v1/uploads`, {
      method: 'POST',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  it('is put to a signed address and can be used by its id', async () => {
    const api = await startTestApi();
    const response = await ask(api, { media_type: 'image/png' });
    expect(response.status).toBe(201);
    const made = (await response.json()) as Record<string, string>;
    expect(made).toMatchObject({ method: 'PUT', headers: { 'Content-Type': 'image/png' }, max_bytes: 250_000_000 });
    const images = [made.id];
    expect(await (await submitJson(api, { prompt, images })).json()).toMatchObject({ code: 'upload_incomplete' });

    const put = (url: string, type = 'image/png', body: string | Buffer = 'x') =>
      fetch(url, { method: 'PUT', headers: { 'content-type': type }, body: body as string });
    expect(await (await put(made.url!, 'image/jpeg')).json()).toMatchObject({ code: 'media_type_unsupported' });
    expect(await (await put(`${made.url}x`)).json()).toMatchObject({ status: 403, code: 'signature_invalid' });
    expect(await (await put(made.url!.replace('uploads', 'inputs'))).json()).toMatchObject({
      code: 'signature_invalid',
    });
    expect(await (await fetch(made.url!)).json()).toMatchObject({ code: 'signature_invalid' });
    expect((await put(made.url!, 'image/png', 'no picture')).status).toBe(200);
    expect(await (await submitJson(api, { prompt, images })).json()).toMatchObject({ code: 'image_invalid' });
    const stored = await put(made.url!, 'image/png', await picture());
    expect([stored.status, stored.headers.get('etag')]).toEqual([200, expect.stringMatching(/^"/)]);
    await expectJob(await submitJson(api, { prompt, images }));
  });

  it('that is too large is refused and not kept', async () => {
    const api = await startTestApi({ limits: { imageBytes: 1000 } });
    const { url } = (await (await ask(api)).json()) as { url: string };
    const response = await fetch(url, { method: 'PUT', body: new Uint8Array(1001) });
    expect(await response.json()).toMatchObject({ status: 413, code: 'request_too_large' });
    expect(await Array.fromAsync(api.store.list(''))).toEqual([]);
  });

  it('of another kind than pictures is refused', async () => {
    const api = await startTestApi();
    for (const body of [{ media_type: 'text/html' }, { media_type: 5 }, { type: 'image/png' }, []])
      expect(await (await ask(api, body)).json()).toMatchObject({ code: 'invalid_parameter' });
  });
});

it('the webhooks of a job can be read, and sent again', async () => {
  const api = await startTestApi();
  const { id } = await submitOne(api, { webhook_url: 'https://example.com/hook' });
  const read = async () =>
    ((await (await fetch(`${api.url}/v1/jobs/${id}/webhooks`)).json()) as { data: Record<string, unknown>[] }).data;
  expect(await read()).toEqual([]);
  await finishJob(api, await claim(api.database, id), [await picture()]);
  const [delivery] = await read();
  expect(delivery).toMatchObject({ event_type: 'job.succeeded', status: 'pending', attempts: 0, log: [] });
  await api.database.pool.query(`update webhook_deliveries set status = 'failed', attempt = 7, completed_at = now()`);
  expect((await read())[0]).toMatchObject({ status: 'failed', next_attempt_at: null });
  const again = (delivery_id: unknown) =>
    fetch(`${api.url}/v1/webhook-deliveries/${delivery_id}/redeliver`, { method: 'POST' });
  expect((await again(delivery!.id)).status).toBe(202);
  expect((await read())[0]).toMatchObject({ id: delivery!.id, status: 'pending', attempts: 0 });
  for (const unknown of ['msg_0', `msg_${'0'.repeat(32)}`]) expect((await again(unknown)).status).toBe(404);
});
