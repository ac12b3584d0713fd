import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { makeThumbnail } from '../../packages/pipeline/src/index.ts';
import {
  claim,
  eventually,
  finishJob,
  picture,
  startTestApi,
  submitJson,
  type TestApi,
  type TestApiOptions,
} from './harness.ts';

/** A job of two pictures that has succeeded, as the API shows it. */
async function startWithJob(options: TestApiOptions = {}) {
  const api = await startTestApi(options);
  const inputs = [
    await picture('#0f0', { width: 900, height: 600, format: 'jpeg' }),
    await picture('#00f', { width: 40, height: 30 }),
  ];
  const images = inputs.map((bytes) => bytes.toString('base64'));
  const { id } = (await (await submitJson(api, { prompt: 'x', images })).json()) as Job;
  const outputs = [await picture('#f00', { width: 640, height: 1280 }), await picture('#ff0')];
  await finishJob(api, await claim(api.database, id), outputs);
  const job = (await (await fetch(`${api.url}/v1/jobs/${id}`)).json()) as Job;
  return { api, id, inputs, outputs, job };
}

const keysOf = async (api: TestApi, prefix: string): Promise<string[]> =>
  (await Array.fromAsync(api.store.list(prefix))).map(({ key }) => key);

describe('a picture that a job was given', () => {
  it('is sent as it was stored, with what a cache and a player of parts need', async () => {
    const { inputs, job, id } = await startWithJob();
    for (const [n, bytes] of inputs.entries()) {
      const response = await fetch(job.input.images[n]!.url);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': n === 0 ? 'image/jpeg' : 'image/png',
        'content-length': String(bytes.length),
        'content-disposition': `inline; filename="${id}-input-${n}.${n === 0 ? 'jpg' : 'png'}"`,
        'cache-control': 'private, max-age=31536000, immutable',
        etag: `"${job.input.images[n]!.sha256}"`,
      });
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    }
    const { url, sha256 } = job.input.images[0]!;
    const part = await fetch(url, { headers: { range: 'bytes=2-5' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, inputs[0]!.subarray(2, 6)]);
    expect((await fetch(url, { headers: { 'if-none-match': `"${sha256}"` } })).status).toBe(304);
  });

  it('is a redirect on S3', async () => {
    const { job } = await startWithJob({
      wrapStore: (store) => ({
        ...store,
        answersSignedUrls: true,
        presignGet: async (key, { mediaType }) => `https://s3.example/${key}?${mediaType}`,
      }),
    });
    const response = await fetch(job.input.images[0]!.url, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toMatch(/^https:\/\/s3\.example\/inputs\/asset_\w+\?image\/jpeg$/);
    // A script of our page could not follow.
    const headers = { 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' };
    const forScript = await fetch(job.input.images[0]!.url, { redirect: 'manual', headers });
    expect([forScript.status, forScript.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  });

  it('that is not there is 404', async () => {
    const { api, id } = await startWithJob();
    for (const path of [
      'inputs/2',
      'inputs/x',
      'inputs/-1',
      'inputs/0/thumbnails',
      'inputs/2/thumbnail',
      'outputs/2/thumbnail',
    ])
      expect((await fetch(`${api.url}/v1/jobs/${id}/${path}`)).status, path).toBe(404);
    expect((await fetch(`${api.url}/v1/jobs/job_0/inputs/0/thumbnail`)).status).toBe(404);
  });
});

describe('a thumbnail', () => {
  it('is a WebP of at most 320 pixels a side, of pictures and of results, and may be kept for ever', async () => {
    const { job } = await startWithJob();
    for (const [{ thumbnail_url, sha256 }, width, height] of [
      [job.input.images[0]!, 320, 213],
      [job.input.images[1]!, 40, 30],
      [job.output![0]!, 160, 320],
      [job.output![1]!, 48, 32],
    ] as const) {
      const response = await fetch(thumbnail_url);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'image/webp',
        'cache-control': 'private, max-age=31536000, immutable',
        etag: `"thumbnail-${sha256}"`,
      });
      const bytes = await response.arrayBuffer();
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width, height });
      const known = await fetch(thumbnail_url, { headers: { 'if-none-match': response.headers.get('etag')! } });
      expect([known.status, await known.text()]).toEqual([304, '']);
      const head = await fetch(thumbnail_url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.byteLength)]);
    }
  });

  it('is made once for any number of callers at the same time, and not for a caller that has it', async () => {
    let made = 0;
    const { api, job } = await startWithJob({
      makeThumbnail(bytes) {
        made++;
        return makeThumbnail(bytes);
      },
    });
    const { thumbnail_url, sha256 } = job.input.images[0]!;
    await fetch(thumbnail_url, { headers: { 'if-none-match': `"thumbnail-${sha256}"` } });
    expect(made).toBe(0);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(thumbnail_url)).arrayBuffer()),
    );
    expect(new Set(answers.map((bytes) => Buffer.from(bytes).toString('base64'))).size).toBe(1);
    expect((await fetch(thumbnail_url)).status).toBe(200);
    expect(made).toBe(1);
    expect(await keysOf(api, 'thumbnails/')).toEqual((await keysOf(api, 'inputs/')).slice(0, 1).map(thumbnailOf));
  });

  it('comes from the API on S3 too', async () => {
    const { job } = await startWithJob({ wrapStore: (store) => ({ ...store, answersSignedUrls: true }) });
    expect((await fetch(job.output![0]!.thumbnail_url, { redirect: 'manual' })).status).toBe(200);
  });

  it('goes with its picture', async () => {
    const { api, id, job } = await startWithJob();
    for (const { thumbnail_url } of [...job.input.images, ...job.output!]) await fetch(thumbnail_url);
    expect(await keysOf(api, 'thumbnails/')).toHaveLength(4);
    expect((await fetch(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await keysOf(api, '')).toEqual([]);
    expect((await fetch(job.output![0]!.thumbnail_url)).status).toBe(404);
  });

  it('stays while another job has the picture', async () => {
    const { api, id, inputs, job } = await startWithJob();
    const images = [inputs[0]!.toString('base64')];
    const other = (await (await submitJson(api, { prompt: 'y', images })).json()) as Job;
    await fetch(job.input.images[0]!.thumbnail_url);
    await fetch(`${api.url}/v1/jobs/${id}`, { method: 'DELETE' });
    expect(await keysOf(api, 'thumbnails/')).toHaveLength(1);
    expect((await fetch(other.input.images[0]!.thumbnail_url)).status).toBe(200);
  });

  it('is made two at a time, and not at all if its callers have hung up meanwhile', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    let made = 0;
    const { api, job } = await startWithJob({
      async makeThumbnail(bytes) {
        running++;
        made++;
        most = Math.max(most, running);
        await gate;
        running--;
        return makeThumbnail(bytes);
      },
    });
    const [first, second, third, fourth] = [...job.input.images, ...job.output!].map(
      ({ thumbnail_url }) => thumbnail_url,
    );
    const answers = [first, second].map((url) => fetch(url!));
    await eventually(() => running === 2);
    const leaving = new AbortController();
    const left = fetch(third!, { signal: leaving.signal });
    const waits = fetch(fourth!);
    await eventually(() => api.lines.length >= 0 && running === 2);
    leaving.abort();
    await expect(left).rejects.toThrow();
    await eventually(() => made === 2);
    open();
    expect((await Promise.all([...answers, waits])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(most).toBe(2);
    expect((await fetch(third!)).status, 'asked for again, it is made').toBe(200);
    expect(api.api.stats().bytesHeld).toBe(0);
  });

  it('holds no more memory than all requests may: beyond, it is asked for again later', async () => {
    const { api, job } = await startWithJob({ limits: { bytesInFlight: 30_000 } });
    await api.database.pool.query(`update assets set bytes = 40000 where kind = 'output' and position = 0`);
    const refused = await fetch(job.output![0]!.thumbnail_url);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ status: 503, code: 'not_ready' });
    expect((await fetch(job.output![1]!.thumbnail_url)).status).toBe(200);
  });

  it('that cannot be kept is sent all the same; one of a picture that is gone or damaged is 404', async () => {
    const { api, job } = await startWithJob({
      wrapStore: (store) => ({
        ...store,
        async put(key, ...rest) {
          if (key.startsWith('thumbnails/')) throw new TypeError('no room');
          return store.put(key, ...rest);
        },
      }),
    });
    expect((await fetch(job.input.images[0]!.thumbnail_url)).status).toBe(200);
    expect(api.lines.join('')).toContain('a thumbnail could not be kept');
    const [gone, damaged] = await keysOf(api, 'outputs/');
    await api.store.delete([gone!]);
    await api.store.put(damaged!, Buffer.from('x'.repeat(job.output![1]!.bytes)), { mediaType: 'image/png' });
    for (const { thumbnail_url } of job.output!)
      expect(await (await fetch(thumbnail_url)).json()).toMatchObject({ status: 404, code: 'not_found' });
    expect(api.lines.join('')).toContain('a stored picture cannot be read');
  });
});

const thumbnailOf = (key: string): string => `thumbnails/${key}.webp`;
