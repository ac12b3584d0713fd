import { expect, it } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { claimKey, createApiKey, newToken } from '../../packages/db/src/index.ts';
import { claim, finishJob, picture, startTestApi, submitJson, type TestApi } from './harness.ts';

const images = [(await picture()).toString('base64')];
const body = { prompt: 'x', images, num_inference_steps: 8 };
const key = { 'idempotency-key': 'order 17/a' };

async function countJobs(api: TestApi): Promise<number> {
  return (await api.database.pool.query('select count(*)::int as n from jobs')).rows[0].n;
}

it('the same request again gets the same job in the same form, and says so', async () => {
  const api = await startTestApi();
  const first = await submitJson(api, body, key);
  expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([202, null]);
  const job = (await first.json()) as Job;
  // Members in another order, and defaults of the encoding, are no other request.
  const again = await submitJson(api, { num_inference_steps: 8.0, images, prompt: 'x' }, key);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
  expect(again.headers.get('location')).toBe(job.urls.get);
  expect(await again.json()).toMatchObject({ id: job.id, status: 'queued' });

  const form = new FormData();
  form.append('image', new Blob([Buffer.from(images[0]!, 'base64')]), 'a.png');
  form.append('prompt', 'x');
  form.append('num_inference_steps', '8');
  const other = await fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form, headers: key });
  expect([other.status, other.headers.get('idempotent-replayed')]).toEqual([202, 'true']);

  await finishJob(api, await claim(api.database, job.id), [await picture('#f00')]);
  const late = await submitJson(api, body, { ...key, prefer: 'wait=5' });
  expect([late.status, late.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  expect(await late.json()).toMatchObject({ id: job.id, status: 'succeeded' });
  expect(await countJobs(api)).toBe(1);
});

it('fifty at once make one job', async () => {
  const api = await startTestApi();
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      for (;;) {
        const response = await submitJson(api, body, key);
        const answer = (await response.json()) as Job & { code: string };
        if (response.status !== 409) return { status: response.status, id: answer.id };
        expect(answer.code).toBe('idempotency_in_flight');
        expect(response.headers.get('retry-after')).toBe('1');
      }
    }),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(await countJobs(api)).toBe(1);
  expect(await Array.fromAsync(api.store.list('inputs/'))).toHaveLength(1);
});

it('another request with the key is refused, whatever differs', async () => {
  const api = await startTestApi();
  await submitJson(api, body, key);
  for (const change of [
    { prompt: 'y' },
    { num_inference_steps: 9 },
    { metadata: { a: 'b' } },
    { webhook_url: 'https://example.com/' },
    { images: [(await picture('#000')).toString('base64')] },
    { images: [...images, ...images] },
  ]) {
    const response = await submitJson(api, { ...body, ...change }, key);
    expect(await response.json()).toMatchObject({ status: 422, code: 'idempotency_mismatch' });
  }
  expect(await countJobs(api)).toBe(1);
});

it('a request that is worked on keeps its key, until it has taken too long', async () => {
  const api = await startTestApi({ limits: { idempotencyHoldMs: 60_000 } });
  const hold = { owner: 'local', key: key['idempotency-key'] };
  await claimKey(api.database.db, hold, { token: newToken(), requestHash: 'digest', holdMs: 60_000 });
  const response = await submitJson(api, body, key);
  expect(await response.json()).toMatchObject({ status: 409, code: 'idempotency_in_flight', retryable: true });
  await api.database.pool.query('update idempotency_keys set locked_until = now()');
  expect((await submitJson(api, body, key)).status).toBe(202);
});

it('a request that fails leaves the key free', async () => {
  const api = await startTestApi({ maxQueue: 1 });
  for (const [change, code] of [
    [{ images: [Buffer.from('no picture').toString('base64')] }, 'image_invalid'],
    [{ webhook_url: 'http://127.0.0.1/' }, 'url_refused'],
    [{ strength: 1 }, 'invalid_parameter'],
  ] as const) {
    expect(await (await submitJson(api, { ...body, ...change }, key)).json()).toMatchObject({ code });
  }
  expect((await submitJson(api, body, key)).status).toBe(202);
  const next = { 'idempotency-key': 'next' };
  expect(await (await submitJson(api, body, next)).json()).toMatchObject({ code: 'queue_full' });
  await api.database.pool.query('delete from jobs');
  expect((await submitJson(api, body, next)).status).toBe(202);
});

it('two owners may use the same key', async () => {
  const api = await startTestApi();
  const callers = await Promise.all(
    ['ann', 'bob'].map(async (owner) => {
      const { secret } = await createApiKey(api.database.db, { owner, name: 'x', scopes: ['submit'] });
      return { ...key, authorization: `Bearer ${secret}` };
    }),
  );
  const ids = new Set<string>();
  for (const headers of callers) {
    const response = await submitJson(api, body, headers);
    expect(response.headers.get('idempotent-replayed')).toBeNull();
    ids.add(((await response.json()) as Job).id);
  }
  expect(ids.size).toBe(2);
});

it.each([
  ['empty', ''],
  ['of 256 characters', 'x'.repeat(256)],
  ['of 10 KB', 'x'.repeat(10_000)],
  ['with a tab', 'a\tb'],
  ['beyond ASCII', 'sch\u00f6n'],
])('a key that is %s is refused', async (_, bad) => {
  const api = await startTestApi();
  const response = await submitJson(api, body, { 'idempotency-key': bad });
  expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
  expect(await countJobs(api)).toBe(0);
});
