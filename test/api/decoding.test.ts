import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { createApiKey } from '../../packages/db/src/index.ts';
import { makeThumbnail } from '../../packages/pipeline/src/index.ts';
import { chunk, png, RGB } from '../bad-input/pictures.ts';
import { eventually, picture, startTestApi, submitJson, type TestApi } from './harness.ts';

/** Every way in which a picture comes: the status of the answer, and its code. */
const FORMS: Record<string, (api: TestApi, bytes: Buffer) => Promise<Response>> = {
  base64: (api, bytes) => submitJson(api, { prompt: 'x', images: [bytes.toString('base64')] }),
  address: async (api, bytes) => {
    const server = createServer((_, response) => void response.end(bytes)).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    return submitJson(api, { prompt: 'x', images: [url] });
  },
  upload: async (api, bytes) => {
    const upload = (await (await fetch(`${api.url}/v1/uploads`, { method: 'POST' })).json()) as {
      id: string;
      url: string;
    };
    await fetch(upload.url, { method: 'PUT', body: new Uint8Array(bytes) });
    return submitJson(api, { prompt: 'x', images: [upload.id] });
  },
  form: (api, bytes) => {
    const body = new FormData();
    body.append('prompt', 'x');
    body.append('image', new Blob([new Uint8Array(bytes)]), 'a');
    // A file input that nobody has touched.
    body.append('image', new Blob([]), '');
    return fetch(`${api.url}/v1/jobs`, { method: 'POST', body });
  },
};

it('a picture beyond the limits is refused in each form of a submission, before a job exists', async () => {
  const api = await startTestApi({ allowPrivateUrls: true, limits: { pixels: 2000 } });
  const texts = Array<Buffer>(201).fill(chunk('tEXt', Buffer.from('a\0b')));
  const refused: [Buffer, string][] = [
    [await picture('#123456', { width: 60, height: 40 }), 'image_too_large'],
    [png({ width: 2, height: 1, depth: 8, color: RGB }, Buffer.alloc(6), texts), 'image_too_complex'],
  ];
  for (const [form, submit] of Object.entries(FORMS)) {
    for (const [bytes, code] of refused) {
      const response = await submit(api, bytes);
      expect([response.status, await response.json()], form).toMatchObject([413, { code, retryable: false }]);
    }
    expect((await submit(api, await picture())).status, form).toBe(202);
  }
  const { rows } = await api.database.pool.query('select count(*)::int as n from jobs');
  expect(rows[0].n).toBe(Object.keys(FORMS).length);
  // Stored while the limit was higher.
  await api.database.pool.query('update assets set width = 60, height = 40');
  expect(await (await FORMS.base64!(api, await picture())).json()).toMatchObject({ code: 'image_too_large' });
});

it('a BMP, and a JPEG that lacks nothing but its end marker, make a job for workers that can read them', async () => {
  const api = await startTestApi({ allowPrivateUrls: true });
  const bmp = Buffer.alloc(54 + 8 * 32);
  bmp.write('BM');
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, 2],
    [22, 32],
    [28, 24],
  ] as const)
    bmp.writeUInt32LE(value, at);
  const jpeg = await picture('#123456', { format: 'jpeg' });
  const needed = async (response: Response): Promise<unknown> => {
    const { id } = (await response.json()) as Job;
    const { rows } = await api.database.pool.query('select needs_version from jobs where id = $1', [id]);
    return rows[0]?.needs_version;
  };
  for (const [form, submit] of Object.entries(FORMS)) {
    expect(await needed(await submit(api, bmp)), form).toBe(2);
    expect(await needed(await submit(api, jpeg.subarray(0, -2))), form).toBe(2);
    expect(await needed(await submit(api, jpeg)), form).toBe(1);
  }
});

it('thumbnails and submissions of one owner leave a place to others', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let running = 0;
  const api = await startTestApi({
    async makeThumbnail(bytes) {
      running++;
      await gate;
      return makeThumbnail(bytes);
    },
  });
  const headersOf = async (owner: string) => {
    const { secret } = await createApiKey(api.database.db, { owner, name: 'x', scopes: ['submit', 'read'] });
    return { authorization: `Bearer ${secret}` };
  };
  const [ann, bob] = [await headersOf('ann'), await headersOf('bob')];
  const submit = async (headers: Record<string, string>, ...colours: string[]) => {
    const images = await Promise.all(colours.map(async (colour) => (await picture(colour)).toString('base64')));
    return submitJson(api, { prompt: 'x', images }, headers);
  };
  const job = (await (await submit(ann, '#100', '#200')).json()) as Job;
  const thumbnails = job.input.images.map(({ thumbnail_url }) => fetch(thumbnail_url, { headers: ann }));
  await eventually(() => running === 2);
  let answered = false;
  const waits = submit(ann, '#300').finally(() => {
    answered = true;
  });
  expect((await submit(bob, '#400')).status).toBe(202);
  expect(answered, 'ann has as many places as one owner may have').toBe(false);
  open();
  expect((await waits).status).toBe(202);
  expect((await Promise.all(thumbnails)).map(({ status }) => status)).toEqual([200, 200]);
});
