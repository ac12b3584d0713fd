import { describe, expect, it } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { claimKey, createApiKey, failJob, newToken } from '../../packages/db/src/index.ts';
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

const images = [(await picture()).toString('base64')];
const body = { prompt: 'x', images, num_inference_steps: 8 };
const key = { 'idempotency-key': 'order 17/a' };

const FOREVER_MS = 600_000;

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
        expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(4);
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

const held = { owner: 'local', key: key['idempotency-key'] };
/** Longer than this test. */
const HOLD_MS = 60_000;
const claimed = (holdMs: number) => ({ token: newToken(), requestHash: 'digest', holdMs });

it('a key whose holder is gone is free after the few seconds that Retry-After names', async () => {
  const api = await startTestApi();
  // What a process leaves behind that is killed in the middle of a request: a claim that nobody renews.
  await claimKey(api.database.db, held, claimed(HOLD_MS));
  const response = await submitJson(api, body, key);
  expect(await response.json()).toMatchObject({ status: 409, code: 'idempotency_in_flight', retryable: true });
  const seconds = Number(response.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(HOLD_MS / 1000);
  // As if those seconds had passed.
  const earlier = 'update idempotency_keys set locked_until = locked_until - make_interval(secs => $1)';
  await api.database.pool.query(earlier, [seconds]);
  expect((await submitJson(api, body, key)).status).toBe(202);
});

/** An API whose next submission waits in the middle, until `goOn` is called. */
async function stalledApi(options: TestApiOptions) {
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let first = true;
  const api = await startTestApi({
    ...options,
    wrapStore: (store) => ({
      ...store,
      async put(...args) {
        const info = await store.put(...args);
        if (first) {
          first = false;
          reached.resolve();
          await gate.promise;
        }
        return info;
      },
    }),
  });
  return { api, reached: reached.promise, goOn: gate.resolve };
}

it('a request that is worked on renews its claim on the key', async () => {
  const { api, reached, goOn } = await stalledApi({ limits: { idempotencyHoldMs: 400 } });
  const answer = submitJson(api, body, key);
  await reached;
  const until = async (): Promise<Date> =>
    (await api.database.pool.query('select locked_until from idempotency_keys')).rows[0].locked_until;
  const first = await until();
  await eventually(async () => (await until()) > first);
  goOn();
  const response = await answer;
  expect(response.status).toBe(202);
  expect(await countJobs(api)).toBe(1);
});

it('a holder that was stalled makes no second job when another request has taken the key over', async () => {
  const { api, reached, goOn } = await stalledApi({ limits: { idempotencyHoldMs: FOREVER_MS } });
  const stalled = submitJson(api, body, key);
  await reached;
  await api.database.pool.query('update idempotency_keys set locked_until = now()');
  const heir = await submitJson(api, body, key);
  expect(heir.status).toBe(202);
  goOn();
  expect(await (await stalled).json()).toMatchObject({ status: 409, code: 'idempotency_in_flight' });
  expect(await countJobs(api)).toBe(1);
  const again = await submitJson(api, body, key);
  expect(((await again.json()) as Job).id).toBe(((await heir.json()) as Job).id);
});

describe('a key whose job has failed', () => {
  async function failedJob(api: TestApi, retryable: boolean): Promise<Job> {
    const job = (await (await submitJson(api, body, key)).json()) as Job;
    const error = {
      code: 'storage_unavailable',
      message: 'There is no bucket b.',
      hint: 'Set STORAGE_URL.',
      retryable,
    };
    await failJob(api.database.db, await claim(api.database, job.id), error);
    return job;
  }

  it('for a reason that may pass makes one new job, however many repeat the request at once', async () => {
    const api = await startTestApi();
    const old = await failedJob(api, true);
    const shown = (await (await fetch(old.urls.get)).json()) as Job;
    expect(shown.error).toMatchObject({ code: 'storage_unavailable', retryable: true });
    expect(JSON.stringify(shown)).not.toMatch(/bucket|STORAGE_URL/);
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (;;) {
          const response = await submitJson(api, body, key);
          if (response.status === 409) continue;
          expect(response.status).toBe(202);
          return ((await response.json()) as Job).id;
        }
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).not.toBe(old.id);
    expect(await countJobs(api)).toBe(2);
  });

  it('for a reason that may pass refuses another request', async () => {
    const api = await startTestApi();
    await failedJob(api, true);
    expect((await submitJson(api, { ...body, prompt: 'y' }, key)).status).toBe(422);
  });

  it('for good stays that job’s key', async () => {
    const api = await startTestApi();
    const old = await failedJob(api, false);
    const again = await submitJson(api, body, key);
    expect(await again.json()).toMatchObject({ id: old.id, status: 'failed', error: { retryable: false } });
    expect(await countJobs(api)).toBe(1);
  });

  it('is renewed by /edit too: its caller was told to repeat', async () => {
    const api = await startTestApi();
    const edit = () =>
      fetch(`${api.url}/edit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...key },
        body: JSON.stringify({ prompt: 'x', image_base64: images[0] }),
      });
    const newest = async (): Promise<string> => {
      await eventually(() => api.api.stats().waiting === 1);
      return (await api.database.pool.query('select id from jobs order by id desc')).rows[0].id;
    };
    const first = edit();
    const error = { code: 'worker_lost', message: 'It was lost.', hint: 'Check its logs.', retryable: true };
    const old = await newest();
    await failJob(api.database.db, await claim(api.database, old), error);
    expect(await (await first).json()).toMatchObject({ status: 503, retryable: true, job_id: old });
    const second = edit();
    const next = await newest();
    expect(next).not.toBe(old);
    await finishJob(api, await claim(api.database, next), [await picture('#f00')]);
    expect(await (await second).json()).toMatchObject({ job_id: next });
  });
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
