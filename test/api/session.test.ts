import { describe, expect, it } from 'vitest';
import { SCOPES, type Scope } from '../../packages/contract/src/index.ts';
import { createApiKey, revokeApiKey } from '../../packages/db/src/index.ts';
import { freshDatabase } from '../db/harness.ts';
import { claim, finishJob, picture, startTestApi, submitJson, type TestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

const base64 = (await picture()).toString('base64');

async function keyOf(api: TestApi, owner: string, scopes: readonly Scope[] = SCOPES) {
  const { secret, row } = await createApiKey(api.database.db, { owner, name: 'x', scopes });
  return { id: row.id, secret };
}

function signIn(api: { url: string }, key: unknown, headers: Record<string, string> = {}) {
  return fetch(`${api.url}/v1/session`, { method: 'POST', body: JSON.stringify({ key }), headers });
}

/** What a browser sends back of a Set-Cookie. */
const cookieOf = (response: Response): string => response.headers.get('set-cookie')!.split(';')[0]!;

async function signedIn(api: TestApi, owner = 'ann', scopes?: readonly Scope[]) {
  const key = await keyOf(api, owner, scopes);
  const cookie = cookieOf(await signIn(api, key.secret));
  return { ...key, cookie, own: { cookie, origin: api.url, 'sec-fetch-site': 'same-origin' } };
}

describe('a session', () => {
  it('begins with a key, in a cookie that no script reads and no other site sends', async () => {
    const api = await startTestApi();
    const { secret } = await keyOf(api, 'ann');
    const response = await signIn(api, secret);
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const cookie = response.headers.get('set-cookie')!;
    const [, value = ''] = /^\w+=([^;]+);/.exec(cookie) ?? [];
    expect(value).toMatch(/^[\w-]{43}$/);
    expect(cookie).toBe(`qwen_edit_session_${api.port}=${value}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict`);
    // Whoever reads the browser's cookies, or the table, has no key.
    const { rows } = await api.database.pool.query<{ text: string }>('select sessions::text as text from sessions');
    expect(rows).toHaveLength(1);
    expect(rows[0]!.text).not.toContain(value);
    expect(cookie + rows[0]!.text).not.toContain(secret.slice(3));
    expect((await fetch(`${api.url}/v1/jobs`, { headers: { authorization: `Bearer ${value}` } })).status).toBe(401);
  });

  it('has a cookie for https only if the page is reached by https, also behind a proxy', async () => {
    const api = await startTestApi();
    const { secret } = await keyOf(api, 'ann');
    const origin = api.url.replace('http:', 'https:');
    expect((await signIn(api, secret, { origin })).headers.get('set-cookie')).toContain('; Secure');
    const published = await startTestApi({ publicUrl: 'https://edit.example' });
    const other = await keyOf(published, 'ann');
    const behind = await signIn(published, other.secret, { origin: 'https://edit.example' });
    expect(behind.headers.get('set-cookie')).toContain('; Secure');
  });

  it('does not begin with a key that is unknown, revoked or malformed', async () => {
    const api = await startTestApi();
    const { secret, id } = await keyOf(api, 'ann');
    await revokeApiKey(api.database.db, id);
    for (const key of [secret, 'qe_unknown', 'a b;c', '\0']) {
      const response = await signIn(api, key);
      expect(response.headers.has('set-cookie')).toBe(false);
      expect(await response.json()).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    for (const key of ['', 5, null, 'x'.repeat(1001)])
      expect(await (await signIn(api, key)).json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
    const post = (body: string) => fetch(`${api.url}/v1/session`, { method: 'POST', body });
    expect(await (await post('key=x')).json()).toMatchObject({ status: 400, code: 'request_malformed' });
    expect(await (await post('x'.repeat(20_000))).json()).toMatchObject({ status: 413, code: 'request_too_large' });
  });

  it('lets its owner in as the key does: to jobs, pictures and events, within its scopes', async () => {
    const api = await startTestApi();
    const { cookie, own, secret } = await signedIn(api);
    const made = await submitJson(api, { prompt: 'x', images: [base64] }, own);
    expect(made.status).toBe(202);
    const { id } = (await made.json()) as { id: string };
    await finishJob(api, await claim(api.database, id), [await picture('#f00')]);
    for (const path of ['', '/outputs/0', '/events']) {
      const response = await fetch(`${api.url}/v1/jobs/${id}${path}`, { headers: { cookie } });
      expect(response.status, path).toBe(200);
    }
    // What a browser sends for a picture.
    const image = { cookie, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    expect((await fetch(`${api.url}/v1/jobs/${id}/outputs/0`, { headers: image })).status).toBe(200);

    const bob = await signedIn(api, 'bob', ['read']);
    expect((await fetch(`${api.url}/v1/jobs/${id}`, { headers: { cookie: bob.cookie } })).status).toBe(404);
    expect((await submitJson(api, { prompt: 'x', images: [base64] }, bob.own)).status).toBe(403);
    // A key in a header comes first.
    const both = { cookie: bob.cookie, authorization: `Bearer ${secret}` };
    expect((await fetch(`${api.url}/v1/jobs/${id}`, { headers: both })).status).toBe(200);
  });

  it('ends at once when its key is revoked, and when it is ended', async () => {
    const api = await startTestApi();
    const { cookie, id, own } = await signedIn(api);
    const read = () => fetch(`${api.url}/v1/jobs`, { headers: { cookie } });
    expect((await read()).status).toBe(200);
    await revokeApiKey(api.database.db, id);
    expect(await (await read()).json()).toMatchObject({ status: 401, code: 'unauthorized' });
    const end = await fetch(`${api.url}/v1/session`, { method: 'DELETE', headers: own });
    expect(end.status).toBe(204);
    expect(end.headers.get('set-cookie')).toBe(
      `qwen_edit_session_${api.port}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
    );
  });

  it('that was ended lets nobody in, also with a copy of its cookie, and another one of the same key goes on', async () => {
    const api = await startTestApi();
    const { cookie, own, secret } = await signedIn(api);
    const other = cookieOf(await signIn(api, secret));
    expect(other).not.toBe(cookie);
    const status = async (each: string) => (await fetch(`${api.url}/v1/jobs`, { headers: { cookie: each } })).status;
    expect([await status(cookie), await status(other)]).toEqual([200, 200]);
    expect((await fetch(`${api.url}/v1/session`, { method: 'DELETE', headers: own })).status).toBe(204);
    expect([await status(cookie), await status(other)]).toEqual([401, 200]);
  });

  it('ends when its time is over, and when its key expires', async () => {
    const api = await startTestApi();
    const { cookie, id } = await signedIn(api);
    const answer = async () => (await fetch(`${api.url}/v1/jobs`, { headers: { cookie } })).json();
    await api.database.pool.query(`update api_keys set expires_at = now() - interval '1 second' where id = $1`, [id]);
    expect(await answer()).toMatchObject({ status: 401, detail: expect.stringContaining('has ended') });
    await api.database.pool.query('update api_keys set expires_at = null');
    expect(await answer()).toMatchObject({ data: [] });
    await api.database.pool.query(`update sessions set expires_at = now() - interval '1 second'`);
    expect(await answer()).toMatchObject({ status: 401, detail: expect.stringContaining('has ended') });
  });

  it('and the one of another port of the same host do not take each other’s cookies', async () => {
    const [first, second] = [await startTestApi(), await startTestApi({ database: await freshDatabase() })];
    const one = await signedIn(first);
    const two = await signedIn(second);
    // A browser sends both to both.
    const both = { cookie: `${two.cookie}; ${one.cookie}` };
    for (const { url } of [first, second]) expect((await fetch(`${url}/v1/jobs`, { headers: both })).status).toBe(200);
    const end = await fetch(`${first.url}/v1/session`, { method: 'DELETE', headers: { ...one.own, ...both } });
    expect(end.status).toBe(204);
    expect((await fetch(`${first.url}/v1/jobs`, { headers: both })).status).toBe(401);
    expect((await fetch(`${second.url}/v1/jobs`, { headers: both })).status).toBe(200);
  });

  it('over https has a cookie that no other host of the domain can set', async () => {
    const api = await startTestApi({ publicUrl: 'https://edit.example' });
    const { secret } = await keyOf(api, 'ann');
    const origin = 'https://edit.example';
    const cookie = cookieOf(await signIn(api, secret, { origin }));
    expect(cookie).toMatch(/^__Host-qwen_edit_session_443=/);
    expect((await fetch(`${api.url}/v1/jobs`, { headers: { cookie } })).status).toBe(200);
    const end = await fetch(`${api.url}/v1/session`, { method: 'DELETE', headers: { cookie, origin } });
    expect(end.headers.get('set-cookie')).toContain(
      '__Host-qwen_edit_session_443=; Max-Age=0; Path=/; HttpOnly; Secure',
    );
    expect((await fetch(`${api.url}/v1/jobs`, { headers: { cookie } })).status).toBe(401);
  });

  it('of version 0.1.0, whose cookie is the key itself, lets nobody in, and is forgotten at the next sign-in', async () => {
    const api = await startTestApi();
    const { secret } = await keyOf(api, 'ann');
    const old = { cookie: `qwen_edit_session=${secret}` };
    const refused = await fetch(`${api.url}/v1/jobs`, { headers: old });
    expect(await refused.json()).toMatchObject({ status: 401, code: 'unauthorized' });
    const again = await signIn(api, secret, old);
    expect(again.headers.getSetCookie()[0]).toBe('qwen_edit_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict');
    expect(again.headers.getSetCookie()).toHaveLength(2);
  });

  it('of an unknown key changes nothing while no key is needed', async () => {
    const api = await startTestApi({ localToken: 'a-secret-of-this-machine' });
    const stale = { cookie: 'qwen_edit_session=qe_of_another_service; theme=dark' };
    stale.cookie += `; qwen_edit_session_${api.port}=of-another-service`;
    expect((await fetch(`${api.url}/v1/jobs`, { headers: stale })).status).toBe(200);
    expect((await submitJson(api, { prompt: 'x', images: [base64] }, stale)).status).toBe(202);
    expect((await submitJson(api, { prompt: 'x', images: [base64] }, { ...stale, origin: 'http://evil' })).status).toBe(
      403,
    );
    // The local token begins one as well.
    const local = cookieOf(await signIn(api, 'a-secret-of-this-machine'));
    await keyOf(api, 'ann');
    expect((await fetch(`${api.url}/v1/jobs`, { headers: { cookie: local } })).status).toBe(200);
    expect((await fetch(`${api.url}/v1/jobs`, { headers: stale })).status).toBe(401);
  });
});

describe('a request that a foreign page forges', () => {
  it('changes nothing: the browser has to say that the page is ours', async () => {
    const api = await startTestApi();
    const { cookie, own } = await signedIn(api);
    const body = { prompt: 'x', images: [base64] };
    for (const forged of [
      {},
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: api.url.replace(/\d+$/, '1') },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { origin: api.url, 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ]) {
      const headers = { cookie, ...(forged as Record<string, string>) };
      const response = await submitJson(api, body, headers);
      expect(await response.json(), JSON.stringify(forged)).toMatchObject({ status: 403, code: 'origin_refused' });
      const deleted = await fetch(`${api.url}/v1/jobs/job_0`, { method: 'DELETE', headers });
      expect(deleted.status).toBe(403);
    }
    for (const ours of [own, { cookie, origin: api.url }, { cookie, 'sec-fetch-site': 'same-origin' }])
      expect((await submitJson(api, body, ours)).status).toBe(202);
  });

  it('reads nothing, unless a person follows a link', async () => {
    const api = await startTestApi();
    const { cookie } = await signedIn(api);
    // By hand: fetch says its own mode.
    const status = async (headers: Record<string, string>) => {
      const all = { host: `127.0.0.1:${api.port}`, connection: 'close', cookie, ...headers };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
      return (await openRaw(api.port, `${['GET /v1/jobs HTTP/1.1', ...lines].join('\r\n')}\r\n\r\n`).answer()).status;
    };
    expect(await status({ origin: 'http://127.0.0.1:1' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' })).toBe(200);
    expect(await status({ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })).toBe(200);
    expect(await status({ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' })).toBe(200);
  });

  it('signs nobody in or out', async () => {
    const api = await startTestApi();
    const { secret } = await keyOf(api, 'ann');
    for (const foreign of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const headers = foreign as Record<string, string>;
      const response = await signIn(api, secret, headers);
      expect(response.headers.has('set-cookie')).toBe(false);
      expect(await response.json()).toMatchObject({ status: 403, code: 'origin_refused' });
      expect((await fetch(`${api.url}/v1/session`, { method: 'DELETE', headers })).status).toBe(403);
    }
  });
});

it('a session’s key and id stand in no line of the log', async () => {
  const api = await startTestApi();
  const { secret, own, cookie } = await signedIn(api);
  await submitJson(api, { prompt: 'x', images: [base64] }, own);
  await fetch(`${api.url}/v1/jobs`, { headers: own });
  expect(api.lines.length).toBeGreaterThan(2);
  expect(api.lines.join('')).not.toContain(secret);
  expect(api.lines.join('')).not.toContain(cookie.split('=')[1]);
});
