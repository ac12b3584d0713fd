import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, LOCAL_OWNER } from '../../packages/contract/src/index.ts';
import { failJob, listJobs, requestCancel } from '../../packages/db/src/index.ts';
import { claim, eventually, finishJob, picture, sharedApi, startTestApi, type TestApi } from './harness.ts';

/** What an answer says of results of which there is nothing to say. */
const NOTHING_SAID = { warnings: [], unchanged: [] };
const server = sharedApi();
const bytes = await picture();
const base64 = bytes.toString('base64');
const results = [await picture('#f00'), await picture('#0f0')];
const [first, second] = results.map((each) => each.toString('base64'));

interface Call {
  readonly query?: string;
  readonly signal?: AbortSignal;
  readonly headers?: Record<string, string>;
}

function postJson(api: TestApi, body: unknown, { query = '', signal, headers = {} }: Call = {}) {
  return fetch(`${api.url}/edit${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The job that /edit made and waits for. */
async function waitingJob(api: TestApi): Promise<string> {
  let id: string | undefined;
  await eventually(async () => {
    const [newest] = await listJobs(api.database.db, { owner: LOCAL_OWNER, status: 'queued', limit: 1 });
    id = newest?.job.id;
    return id !== undefined && api.api.stats().waiting > 0;
  });
  return id!;
}

/** Lets /edit's job succeed; gives its answer, and the parameters that the job had. */
async function runEdit(api: TestApi, answer: Promise<Response>, pictures = results, seed = '7') {
  const id = await waitingJob(api);
  const { rows } = await api.database.pool.query('select parameters from jobs where id = $1', [id]);
  const inputs = await api.database.pool.query('select from job_inputs where job_id = $1', [id]);
  await finishJob(api, await claim(api.database, id), pictures, seed);
  const response = await answer;
  const body = (await response.json()) as Record<string, unknown>;
  return { id, parameters: rows[0].parameters, images: inputs.rowCount, status: response.status, body };
}

describe('every form that the guide knows', () => {
  it.each([
    ['image_base64 as a list', { image_base64: [base64, base64] }, 2],
    ['image_base64 as one', { image_base64: base64 }, 1],
    ['images as an object', { images: { image_base64: [base64] } }, 1],
    ['images as a list', { images: [base64, `data:image/png;base64,${base64}`] }, 2],
    ['images as one', { images: base64 }, 1],
    ['empty lists beside', { images: { image_base64: [base64], image_url: [] }, image_url: null }, 1],
  ])('%s', async (_, images, count) => {
    const answer = postJson(server(), { prompt: 'x', ...images });
    const { id, status, body, ...job } = await runEdit(server(), answer);
    expect(status).toBe(200);
    expect(body).toEqual({ image_base64: first, images_base64: [first, second], seed: 7, job_id: id, ...NOTHING_SAID });
    expect(job).toEqual({ images: count, parameters: { prompt: 'x', output_format: 'png' } });
  });

  it('a form with files and flat fields, of which steps is one', async () => {
    for (const name of ['file', 'image', 'files', 'images']) {
      const form = new FormData();
      form.append(name, new Blob([new Uint8Array(bytes)]), 'a.png');
      form.append(name, new Blob([new Uint8Array(bytes)]), 'b.png');
      for (const [field, text] of Object.entries({ prompt: 'x', seed: '42', steps: '30', true_cfg_scale: '4.0' }))
        form.append(field, text);
      const { parameters, images } = await runEdit(
        server(),
        fetch(`${server().url}/edit`, { method: 'POST', body: form }),
      );
      expect(images).toBe(2);
      expect(parameters).toMatchObject({ prompt: 'x', seed: '42', num_inference_steps: 30, true_cfg_scale: 4 });
    }
  });

  it('scalars in the query, as FastAPI takes them', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)]), 'a.png');
    const url = `${server().url}/edit?prompt=make+it+blue&steps=12&seed=1&guidance_scale=1.0`;
    const { parameters } = await runEdit(server(), fetch(url, { method: 'POST', body: form }));
    expect(parameters).toMatchObject({ prompt: 'make it blue', num_inference_steps: 12, seed: '1', guidance_scale: 1 });
  });

  it('sizes, in a form, in the query and as JSON', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)]), 'a.png');
    for (const [field, text] of Object.entries({ prompt: 'x', size: '512 × 384', output_area: '', preset: 'draft' }))
      form.append(field, text);
    const url = `${server().url}/edit?reference_size=model&width=512`;
    const { parameters } = await runEdit(server(), fetch(url, { method: 'POST', body: form }));
    const sizes = { size: '512x384', preset: 'draft', reference_size: 'model', width: 512 };
    expect(parameters).toEqual({ prompt: 'x', output_format: 'png', ...sizes });
    const answer = postJson(server(), { prompt: 'x', image_base64: base64, output_area: 262_144, size: 'auto' });
    expect((await runEdit(server(), answer)).parameters).toMatchObject({ output_area: 262_144, size: 'auto' });
  });

  it('no negative prompt, and seeds that a number cannot hold', async () => {
    const answer = postJson(server(), { prompt: 'x', image_base64: base64, negative_prompt: null });
    const { parameters, body } = await runEdit(server(), answer, results, '18446744073709551615');
    expect(parameters).toMatchObject({ negative_prompt: null });
    expect(body.seed).toBe('18446744073709551615');
  });
});

it.each([
  [{ prompt: 'x' }, 'invalid_parameter'],
  [{ image_base64: base64 }, 'invalid_parameter'],
  [{ prompt: '', image_base64: base64 }, 'prompt_empty'],
  [{ prompt: 'x', image_base64: [5] }, 'invalid_parameter'],
  [{ prompt: 'x', image_base64: 'no base64!' }, 'invalid_parameter'],
  [{ prompt: 'x', images: { image_base64: base64, path: 'x' } }, 'invalid_parameter'],
  [{ prompt: 'x', image_url: 'http://127.0.0.1/x.png' }, 'url_refused'],
  [{ prompt: 'x', image_base64: base64, steps: '30' }, 'invalid_parameter'],
  [{ prompt: 'x', image_base64: base64, steps: 30, num_inference_steps: 31 }, 'invalid_parameter'],
  [{ prompt: 'x', image_base64: base64, strength: 1 }, 'invalid_parameter'],
  [{ prompt: 'x', image_base64: Buffer.from('x').toString('base64') }, 'image_invalid'],
] as [object, ErrorCode][])('bad input %# is refused with its code', async (body, code) => {
  expect(await (await postJson(server(), body)).json()).toMatchObject({ code });
});

it('a query that repeats the body is refused', async () => {
  const response = await postJson(server(), { prompt: 'x', image_base64: base64 }, { query: '?prompt=y' });
  expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
});

describe('a job without results is answered as its error', () => {
  it('that failed', async () => {
    const answer = postJson(server(), { prompt: 'x', image_base64: base64 });
    const lease = await claim(server().database, await waitingJob(server()));
    const error = { code: 'out_of_memory', message: 'no room', hint: 'Make room.', retryable: true };
    await failJob(server().database.db, lease, error);
    const response = await answer;
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({
      status: 503,
      code: 'out_of_memory',
      detail: 'Memory ran out.',
      job_id: lease.jobId,
    });
  });

  it('that was cancelled', async () => {
    const answer = postJson(server(), { prompt: 'x', image_base64: base64 });
    await requestCancel(server().database.db, { owner: LOCAL_OWNER, id: await waitingJob(server()) });
    expect(await (await answer).json()).toMatchObject({ status: 499, code: 'canceled' });
  });

  it('that was deleted', async () => {
    const api = await startTestApi();
    const answer = postJson(api, { prompt: 'x', image_base64: base64 });
    await waitingJob(api);
    await api.database.pool.query('delete from jobs');
    expect(await (await answer).json()).toMatchObject({ status: 404 });
  });
});

it('a caller with an Idempotency-Key may go away, and come back for the same job', async () => {
  const away = new AbortController();
  const body = { prompt: 'x', image_base64: base64 };
  const headers = { 'idempotency-key': 'edit-and-come-back' };
  const first = postJson(server(), body, { headers, signal: away.signal });
  const id = await waitingJob(server());
  away.abort();
  await expect(first).rejects.toThrow();
  await eventually(() => server().api.stats().waiting === 0);
  const again = await runEdit(server(), postJson(server(), body, { headers }));
  expect(again).toMatchObject({ id, status: 200, body: { job_id: id } });
  const other = await postJson(server(), { ...body, prompt: 'y' }, { headers });
  expect(other.status).toBe(422);
});

it('a caller that goes away cancels the job', async () => {
  const api = await startTestApi();
  const controller = new AbortController();
  const answer = postJson(api, { prompt: 'x', image_base64: base64 }, { signal: controller.signal });
  answer.catch(() => undefined);
  const id = await waitingJob(api);
  controller.abort();
  const status = async () =>
    (await api.database.pool.query('select status from jobs where id = $1', [id])).rows[0].status;
  await eventually(async () => (await status()) === 'canceled');
  expect(api.api.stats()).toEqual({ waiting: 0, streams: 0, bytesHeld: 0 });
});

describe('output_path', () => {
  it('has the results written to the configured folder', async () => {
    const api = await startTestApi();
    const named = await runEdit(api, postJson(api, { prompt: 'x', image_base64: base64, output_path: '夜 1.png' }));
    const paths = [join(api.outputDir, '夜 1.png'), join(api.outputDir, '夜 1-2.png')];
    expect(named.body).toEqual({
      output_path: paths[0],
      output_paths: paths,
      seed: 7,
      job_id: named.id,
      ...NOTHING_SAID,
    });
    expect(await Promise.all(paths.map((path) => readFile(path)))).toEqual(results);

    const unnamed = await runEdit(api, postJson(api, { prompt: 'x', image_base64: base64, output_path: true }));
    expect(unnamed.body.output_path).toBe(join(api.outputDir, `${unnamed.id}.png`));
    expect((await readdir(api.outputDir)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('replaces a file of the same name, and follows no link out of the folder', async () => {
    const api = await startTestApi();
    await mkdir(api.outputDir, { recursive: true });
    const outside = join(api.outputDir, '../outside.png');
    await writeFile(outside, 'mine');
    await symlink(outside, join(api.outputDir, 'a.png'));
    await runEdit(api, postJson(api, { prompt: 'x', image_base64: base64, output_path: 'a.png' }));
    expect(await readFile(outside, 'utf8')).toBe('mine');
    expect((await lstat(join(api.outputDir, 'a.png'))).isFile()).toBe(true);
  });

  it.each([
    '../a.png',
    '/etc/a.png',
    'a/b.png',
    'a\\b.png',
    'C:a.png',
    '.a.png',
    '..',
    '',
    'a.',
    'a\0.png',
    'a\n.png',
    `${'a'.repeat(300)}.png`,
    5,
    ['a.png'],
  ])('%j is no name', async (output_path) => {
    const response = await postJson(server(), { prompt: 'x', image_base64: base64, output_path });
    expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
  });

  it('is refused if no folder is configured', async () => {
    const api = await startTestApi({ outputDir: undefined });
    const response = await postJson(api, { prompt: 'x', image_base64: base64, output_path: 'a.png' });
    expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
  });
});
