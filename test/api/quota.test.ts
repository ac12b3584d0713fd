import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../packages/contract/src/index.ts';
import { createApiKey, deleteUnusedAssets, requestCancel } from '../../packages/db/src/index.ts';
import { eventually, picture, startTestApi, submitJson, type TestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

const QUOTA = 10_000;
const prompt = 'make it blue';

interface Upload {
  readonly id: string;
  readonly url: string;
  readonly max_bytes: number;
}

const ask = (api: TestApi, body: object = {}, headers: Record<string, string> = {}) =>
  fetch(`${api.url}/v1/uploads`, { method: 'POST', body: JSON.stringify(body), headers });

async function made(api: TestApi, body: object = {}): Promise<Upload> {
  const response = await ask(api, body);
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Upload;
}

const put = async ({ url }: Upload, bytes: number | Buffer) =>
  (await fetch(url, { method: 'PUT', body: typeof bytes === 'number' ? new Uint8Array(bytes) : new Uint8Array(bytes) }))
    .status;

const storedBytes = async (api: TestApi): Promise<number> =>
  (await Array.fromAsync(api.store.list(''))).reduce((sum, { bytes }) => sum + bytes, 0);

/** A picture of at least so many bytes: one that decodes, with zeros behind its end. */
const large = async (bytes: number, colour: string): Promise<Buffer> =>
  Buffer.concat([await picture(colour), Buffer.alloc(bytes)]);

describe('what an owner stores without a job', () => {
  it('is refused above the quota, with what to do, and nothing of it is kept', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA });
    const [first, second] = [await made(api), await made(api)];
    expect(await put(first, 6000)).toBe(200);
    const refused = await fetch(second.url, { method: 'PUT', body: new Uint8Array(6000) });
    expect(await refused.json()).toMatchObject({
      status: 429,
      code: 'quota_exceeded',
      retryable: true,
      hint: expect.stringContaining('after a day'),
    });
    expect(refused.headers.has('retry-after')).toBe(true);
    expect(await storedBytes(api)).toBe(6000);
    // An address that is written to again counts once.
    expect([await put(first, 9000), await put(second, 1000)]).toEqual([200, 200]);
    expect((await ask(api)).status).toBe(429);
    expect(await storedBytes(api)).toBe(10_000);
  });

  it('is bounded however many write at once, also to one address', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA });
    const uploads = await Promise.all(Array.from({ length: 12 }, () => made(api)));
    const answers = await Promise.all(uploads.map((upload) => put(upload, 3000)));
    expect(answers.filter((status) => status === 200)).toHaveLength(3);
    expect(answers.filter((status) => status === 429)).toHaveLength(9);
    expect(await storedBytes(api)).toBe(9000);
    const again = await Promise.all(uploads.flatMap((upload) => [put(upload, 3000), put(upload, 10)]));
    for (const status of again) expect([200, 429]).toContain(status);
    expect(await storedBytes(api)).toBeLessThanOrEqual(QUOTA);
  });

  it('is counted as it comes, also if its length is not said, and no more if the caller hangs up', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA, limits: { imageBytes: QUOTA } });
    const [first, second] = [await made(api), await made(api)];
    const { pathname, search } = new URL(first.url);
    const lines = [`PUT ${pathname}${search} HTTP/1.1`, 'host: 127.0.0.1', 'transfer-encoding: chunked'];
    const raw = openRaw(api.port, `${lines.join('\r\n')}\r\n\r\n3\r\nabc\r\n`);
    // As many are held for it as may come.
    const held = 'select from unused_assets where bytes = $1';
    await eventually(async () => (await api.database.pool.query(held, [QUOTA])).rowCount === 1);
    expect(await put(second, 1)).toBe(429);
    raw.socket.destroy();
    await eventually(async () => (await put(second, QUOTA)) === 200);
    expect(await storedBytes(api)).toBe(QUOTA);
  });

  it('counts pictures of submissions that became no job', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA, maxQueue: 1 });
    const submit = async (colour: string) =>
      submitJson(api, { prompt, images: [(await large(6000, colour)).toString('base64')] });
    expect((await submit('#111')).status).toBe(202);
    expect(await (await submit('#222')).json()).toMatchObject({ code: 'queue_full' });
    // The same picture once more is stored once.
    expect(await (await submit('#222')).json()).toMatchObject({ code: 'queue_full' });
    expect(await (await submit('#333')).json()).toMatchObject({ status: 429, code: 'quota_exceeded' });
    expect(await storedBytes(api)).toBeLessThan(2 * QUOTA);
  });

  it('counts no more when a job takes it, or it is deleted after its time', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA });
    for (const colour of ['#111', '#222', '#333']) {
      const upload = await made(api);
      expect(await put(upload, await large(6000, colour))).toBe(200);
      const response = await submitJson(api, { prompt, images: [upload.id] });
      expect(response.status).toBe(202);
      const { id } = (await response.json()) as { id: string };
      await requestCancel(api.database.db, { owner: 'local', id });
    }
    const copy = await made(api);
    expect(await put(copy, 6000)).toBe(200);
    expect(await put(await made(api), 6000)).toBe(429);
    await api.database.pool.query(`update assets set last_used_at = now() - interval '2 days' where id = $1`, [
      copy.id,
    ]);
    await deleteUnusedAssets(api.database, 86_400_000, 100);
    expect(await put(await made(api), 6000)).toBe(200);
  });

  it('is of one owner: others have their own quota', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA });
    const keyOf = async (owner: string) => {
      const { secret } = await createApiKey(api.database.db, { owner, name: 'x', scopes: SCOPES });
      return { authorization: `Bearer ${secret}` };
    };
    const [ann, bob] = [await keyOf('ann'), await keyOf('bob')];
    expect((await ask(api, { bytes: QUOTA }, ann)).status).toBe(201);
    expect((await ask(api, { bytes: 1 }, ann)).status).toBe(429);
    expect((await ask(api, { bytes: QUOTA }, bob)).status).toBe(201);
  });
});

describe('an upload whose length is said', () => {
  it('is counted at once, and takes exactly that', async () => {
    const api = await startTestApi({ maxUnusedBytes: QUOTA });
    const upload = await made(api, { bytes: 8000 });
    expect(upload.max_bytes).toBe(8000);
    expect((await ask(api, { bytes: 3000 })).status).toBe(429);
    expect([await put(upload, 7999), await put(upload, 8001), await put(upload, 8000)]).toEqual([400, 400, 200]);
    for (const bytes of [0, -1, 1.5, '5']) expect((await ask(api, { bytes })).status).toBe(400);
    expect((await ask(api, { bytes: 250_000_001 })).status).toBe(413);
  });

  it('has it signed where the store itself is written to; else as much is counted as may come', async () => {
    const signed: unknown[] = [];
    const api = await startTestApi({
      maxUnusedBytes: 300_000_000,
      wrapStore: (store) => ({
        ...store,
        answersSignedUrls: true,
        presignPut: async (key, options) => {
          signed.push(options.bytes);
          return `https://s3.example/${key}`;
        },
      }),
    });
    await made(api, { bytes: 40_000_000 });
    await made(api);
    expect((await ask(api)).status).toBe(429);
    await made(api, { bytes: 10_000_000 });
    expect(signed.slice(0, 2)).toEqual([40_000_000, undefined]);
  });
});
