import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../packages/contract/src/index.ts';
import { createApiKey, readJob, revokeApiKey } from '../../packages/db/src/index.ts';
import { claim, eventually, finishJob, picture, startTestApi, submitJson, type TestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

/** Far longer than a test lasts: what ends before has been ended. */
const FOREVER_MS = 600_000;
const base64 = (await picture()).toString('base64');
const EDIT = { prompt: 'make it blue', images: [base64] };

async function keyOf(api: TestApi) {
  const { secret, row } = await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: SCOPES });
  return { id: row.id, headers: { authorization: `Bearer ${secret}` }, secret };
}

async function jobOf(api: TestApi, headers: Record<string, string>): Promise<string> {
  const response = await submitJson(api, EDIT, headers);
  return ((await response.json()) as { id: string }).id;
}

const follow = (api: TestApi, id: string, headers: Record<string, string>) =>
  fetch(`${api.url}/v1/jobs/${id}/events`, { headers: { accept: 'text/event-stream', ...headers } });

/** Ways in which a caller loses the right to an answer that is being given. */
const LOSSES = {
  'is revoked': async (api: TestApi, id: string) => void (await revokeApiKey(api.database.db, id)),
  expires: async (api: TestApi, id: string) =>
    void (await api.database.pool.query('update api_keys set expires_at = now() where id = $1', [id])),
};

describe.each(Object.entries(LOSSES))('when its key %s', (_how, lose) => {
  it('an event stream ends, with an event that says why', async () => {
    const api = await startTestApi({ limits: { heartbeatMs: FOREVER_MS } });
    const { id, headers } = await keyOf(api);
    const job = await jobOf(api, headers);
    const stream = await follow(api, job, headers);
    await eventually(() => api.api.stats().waiting === 1);
    await lose(api, id);
    const blocks = (await stream.text()).trimEnd().split('\n\n');
    const [name, data = ''] = blocks.at(-1)!.split('\n');
    expect(name).toBe('event: unauthorized');
    expect(JSON.parse(data.replace('data: ', ''))).toMatchObject({ status: 401, code: 'unauthorized' });
    // A browser that comes back is told not to come again.
    expect((await follow(api, job, headers)).status).toBe(401);
    await eventually(() => api.api.stats().streams === 0);
  });

  it('a submission that waits is answered 401, with the job that it made', async () => {
    const api = await startTestApi({ limits: { maxWaitSeconds: 600 } });
    const { id, headers } = await keyOf(api);
    const waits = submitJson(api, EDIT, { ...headers, prefer: 'wait=600' });
    await eventually(() => api.api.stats().waiting === 1);
    await lose(api, id);
    const problem = (await (await waits).json()) as { job_id: string };
    expect(problem).toMatchObject({ status: 401, code: 'unauthorized', job_id: expect.stringMatching(/^job_/) });
    expect((await readJob(api.database.db, { id: problem.job_id, owner: 'ann' }))?.job.status).toBe('queued');
  });
});

describe('when its key is revoked', () => {
  it('an edit that is waited for is answered 401, and canceled as if its caller had hung up', async () => {
    const api = await startTestApi();
    const { id, headers } = await keyOf(api);
    const body = JSON.stringify({ prompt: 'x', image_base64: base64 });
    const waits = fetch(`${api.url}/edit`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    });
    await eventually(() => api.api.stats().waiting === 1);
    await revokeApiKey(api.database.db, id);
    const problem = (await (await waits).json()) as { job_id: string };
    expect(problem).toMatchObject({ status: 401, code: 'unauthorized' });
    expect((await readJob(api.database.db, { id: problem.job_id, owner: 'ann' }))?.job.status).toBe('canceled');
  });

  it('a download that is under way is cut', async () => {
    const api = await startTestApi({ limits: { stallMs: FOREVER_MS } });
    const { id, headers } = await keyOf(api);
    const job = await jobOf(api, headers);
    // Larger than what sockets hold.
    const large = Buffer.concat([await picture(), Buffer.alloc(50_000_000)]);
    await finishJob(api, await claim(api.database, job), [large]);
    const asked = [
      `GET /v1/jobs/${job}/outputs/0 HTTP/1.1`,
      'host: 127.0.0.1',
      `authorization: ${headers.authorization}`,
    ];
    const reader = openRaw(api.port, `${asked.join('\r\n')}\r\n\r\n`);
    await eventually(() => reader.received().includes('200 OK'));
    reader.socket.pause();
    await eventually(() => api.api.stats().streams === 1);
    const closed = once(reader.socket, 'close');
    await revokeApiKey(api.database.db, id);
    await eventually(() => api.api.stats().streams === 0);
    reader.socket.resume();
    await closed;
    expect(reader.received().length).toBeLessThan(50_000_000);
  });

  it('the session that stands for it loses its streams too, as does one that is ended', async () => {
    const api = await startTestApi({ limits: { heartbeatMs: FOREVER_MS } });
    const { id, headers, secret } = await keyOf(api);
    const job = await jobOf(api, headers);
    const signedIn = async (): Promise<string> => {
      const body = JSON.stringify({ key: secret });
      return (await fetch(`${api.url}/v1/session`, { method: 'POST', body })).headers.get('set-cookie')!.split(';')[0]!;
    };
    const [one, two] = [await signedIn(), await signedIn()];
    const [ended, revoked] = [await follow(api, job, { cookie: one }), await follow(api, job, { cookie: two })];
    await eventually(() => api.api.stats().waiting === 2);
    const own = { cookie: one, origin: api.url };
    expect((await fetch(`${api.url}/v1/session`, { method: 'DELETE', headers: own })).status).toBe(204);
    expect(await ended.text()).toContain('event: unauthorized');
    expect(api.api.stats().waiting).toBe(1);
    await revokeApiKey(api.database.db, id);
    expect(await revoked.text()).toContain('event: unauthorized');
  });
});

it('who needed no key loses the stream when the first key is made', async () => {
  const api = await startTestApi({ limits: { heartbeatMs: FOREVER_MS } });
  const stream = await follow(api, await jobOf(api, {}), {});
  await eventually(() => api.api.stats().waiting === 1);
  await keyOf(api);
  expect(await stream.text()).toContain('event: unauthorized');
});

it('a stream whose key stays goes on to the end of the job, however often the key is looked at', async () => {
  const api = await startTestApi({ limits: { credentialsMs: 1 } });
  const { headers } = await keyOf(api);
  const other = await keyOf(api);
  const job = await jobOf(api, headers);
  const [stream, lost] = [await follow(api, job, headers), await follow(api, job, other.headers)];
  await eventually(() => api.api.stats().waiting === 2);
  await revokeApiKey(api.database.db, other.id);
  // Its end shows that keys were looked at.
  expect(await lost.text()).toContain('event: unauthorized');
  await finishJob(api, await claim(api.database, job), [await picture()]);
  const text = await stream.text();
  expect(text).toContain('event: job.succeeded');
  expect(text).not.toContain('unauthorized');
});

it('a key that has expired is refused by the database’s clock, and the answer says why', async () => {
  const api = await startTestApi();
  const keyWith = async (end: { afterMs: number } | { at: Date }) =>
    createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: SCOPES, end });
  const { row, secret } = await keyWith({ afterMs: 3_600_000 });
  const read = async () => (await fetch(`${api.url}/v1/jobs`, { headers: { 'x-api-key': secret } })).json();
  expect(await read()).toMatchObject({ data: [] });
  await api.database.pool.query('update api_keys set expires_at = now() where id = $1', [row.id]);
  expect(await read()).toMatchObject({ status: 401, code: 'unauthorized', detail: 'The API key has expired.' });
  await expect(keyWith({ at: new Date('2020-01-01') })).rejects.toMatchObject({ code: 'usage' });
});

describe('wrong keys', () => {
  const limits = { wrongKeys: 5, wrongKeyMs: FOREVER_MS, wrongKeysTogether: 1000 };
  const ask = (api: TestApi, headers: Record<string, string>) => fetch(`${api.url}/v1/jobs`, { headers });

  it('are refused with Retry-After once there were too many, whatever they look like; right ones are let in', async () => {
    const api = await startTestApi({ limits });
    const right = await keyOf(api);
    const revoked = await keyOf(api);
    await revokeApiKey(api.database.db, revoked.id);
    const wrong: Record<string, string>[] = [
      { authorization: 'Bearer qe_wrong' },
      { 'x-api-key': 'x' },
      revoked.headers,
      { cookie: `qwen_edit_session_${api.port}=guessed` },
    ];
    for (let n = 0; n < limits.wrongKeys; n++) expect((await ask(api, wrong[n % wrong.length]!)).status).toBe(401);
    for (const headers of wrong) {
      const response = await ask(api, headers);
      expect(await response.json()).toMatchObject({ status: 429, code: 'too_many_attempts', retryable: true });
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      // Many people may share one address.
      expect((await ask(api, right.headers)).status).toBe(200);
    }
    const signIn = (key: string) => fetch(`${api.url}/v1/session`, { method: 'POST', body: JSON.stringify({ key }) });
    expect((await signIn('guessed')).status).toBe(429);
    expect((await signIn(right.secret)).status).toBe(204);
    // A header that the sender writes makes nobody another.
    expect(
      (await ask(api, { ...wrong[0], 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' })).status,
    ).toBe(429);
  });

  it('do not count who sends none, or whose session has ended: the page has to ask for a key', async () => {
    const api = await startTestApi({ limits });
    const { secret, id } = await keyOf(api);
    const body = JSON.stringify({ key: secret });
    const signedIn = await fetch(`${api.url}/v1/session`, { method: 'POST', body });
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
    await revokeApiKey(api.database.db, id);
    for (let n = 0; n < 3 * limits.wrongKeys; n++) {
      expect((await ask(api, {})).status).toBe(401);
      expect((await ask(api, { cookie })).status).toBe(401);
    }
  });
});
