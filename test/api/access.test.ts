import { describe, expect, it } from 'vitest';
import { SCOPES, type Scope } from '../../packages/contract/src/index.ts';
import { createApiKey, revokeApiKey } from '../../packages/db/src/index.ts';
import { claim, finishJob, picture, sharedApi, startTestApi, submitJson, submitOne, type TestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

const base64 = (await picture()).toString('base64');

async function keyOf(api: TestApi, owner: string, scopes: readonly Scope[] = SCOPES) {
  const { secret, row } = await createApiKey(api.database.db, { owner, name: 'x', scopes });
  return { id: row.id, headers: { authorization: `Bearer ${secret}` }, secret };
}

/** Scopes that callers rely on. A route that is not named here is tested all the same: by the table of routes. */
const PROMISED: readonly (readonly [string, string, Scope])[] = [
  ['POST', '/v1/jobs', 'submit'],
  ['GET', '/v1/jobs', 'read'],
  ['GET', '/v1/jobs/:id', 'read'],
  ['DELETE', '/v1/jobs/:id', 'submit'],
  ['POST', '/v1/jobs/:id/cancel', 'submit'],
  ['GET', '/v1/jobs/:id/events', 'read'],
  ['GET', '/v1/jobs/:id/inputs/:n', 'read'],
  ['GET', '/v1/jobs/:id/inputs/:n/thumbnail', 'read'],
  ['GET', '/v1/jobs/:id/outputs/:n', 'read'],
  ['GET', '/v1/jobs/:id/outputs/:n/thumbnail', 'read'],
  ['GET', '/v1/jobs/:id/webhooks', 'read'],
  ['POST', '/v1/uploads', 'submit'],
  ['GET', '/v1/models', 'read'],
  ['POST', '/v1/webhook-deliveries/:id/redeliver', 'submit'],
  ['POST', '/edit', 'submit'],
];
/** What answers without a key: these tell nothing of any job, or ask for a signature or a key of their own. */
const OPEN = [
  ...['GET /', 'GET /assets/:name', 'GET /health', 'GET /livez', 'GET /readyz', 'GET /metrics'],
  ...['POST /v1/session', 'DELETE /v1/session', 'GET /v1/objects/*', 'PUT /v1/objects/*'],
];

/** The routes that need a key, each with an address that matches its path. */
function routesWithScope({ url, api }: TestApi) {
  return api.routes
    .filter(({ scope }) => scope !== 'open')
    .map((route) => ({ ...route, url: url + route.path.replaceAll(/:\w+/g, '0') }));
}

describe('once a key was made', () => {
  it('no route but those about the service itself answers without one', async () => {
    const api = await startTestApi();
    expect((await fetch(`${api.url}/v1/jobs`)).status).toBe(200);
    const { id } = await keyOf(api, 'ann');
    await revokeApiKey(api.database.db, id);
    for (const { method, url } of routesWithScope(api)) {
      const response = await fetch(url, { method });
      expect(response.headers.get('www-authenticate'), url).toBe('Bearer');
      expect(await response.json()).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    for (const path of ['/', '/health', '/livez', '/readyz', '/metrics'])
      expect((await fetch(api.url + path)).status, path).toBe(200);
  });

  it('a key that is unknown, revoked or malformed lets nobody in', async () => {
    const api = await startTestApi();
    const { headers, secret, id } = await keyOf(api, 'ann');
    const status = async (given: Record<string, string>) =>
      (await fetch(`${api.url}/v1/jobs`, { headers: given })).status;
    expect(await status(headers)).toBe(200);
    expect(await status({ authorization: `bearer  ${secret}` })).toBe(200);
    expect(await status({ 'x-api-key': secret })).toBe(200);
    for (const authorization of ['', 'Bearer', `Basic ${secret}`, secret, `Bearer ${secret}x`, `Bearer ${secret} x`])
      expect(await status({ authorization }), authorization).toBe(401);
    await revokeApiKey(api.database.db, id);
    expect(await status(headers)).toBe(401);
  });

  it('each route asks for its scope', async () => {
    const api = await startTestApi();
    const keys = {
      submit: await keyOf(api, 'ann', ['submit']),
      read: await keyOf(api, 'ann', ['read']),
      admin: await keyOf(api, 'ann', ['admin']),
    };
    for (const { method, url, scope } of routesWithScope(api)) {
      for (const [name, { headers }] of Object.entries(keys)) {
        const { status } = await fetch(url, { method, headers });
        expect(status === 403, `${name}: ${method} ${url}`).toBe(name !== scope && name !== 'admin');
      }
    }
  });

  it('each route asks for the scope that was promised, and no other route is open', async () => {
    const { routes } = (await startTestApi()).api;
    for (const [method, path, scope] of PROMISED)
      expect(routes, path).toContainEqual(expect.objectContaining({ method, path, scope }));
    const open = routes.filter(({ scope }) => scope === 'open').map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual([...OPEN].sort());
  });

  it('no route reads a body before the caller is admitted', async () => {
    const api = await startTestApi();
    await keyOf(api, 'ann');
    const { headers } = await keyOf(api, 'bob', ['read']);
    const readOnly = `authorization: ${headers.authorization}`;
    const bodies = routesWithScope(api).filter(({ body }) => body !== undefined);
    expect(bodies.length).toBeGreaterThanOrEqual(3);
    for (const { method, url } of bodies) {
      const { pathname } = new URL(url);
      for (const [status, ...credentials] of [[401], [403, readOnly]] as const) {
        // A body that is read would be asked for by a 100, or waited for.
        const lines = [`${method} ${pathname} HTTP/1.1`, `host: 127.0.0.1:${api.port}`, ...credentials];
        const sent = [...lines, 'content-type: application/json', 'content-length: 9', 'expect: 100-continue'];
        const raw = openRaw(api.port, `${sent.join('\r\n')}\r\n\r\n`);
        const answer = await raw.answer((received) => received.includes('}'));
        raw.socket.destroy();
        expect([answer.status, raw.received().includes('100 Continue')], pathname).toEqual([status, false]);
      }
    }
  });
});

it("one owner's jobs, pictures and events do not exist for another", async () => {
  const api = await startTestApi();
  const ann = (await keyOf(api, 'ann')).headers;
  const bob = (await keyOf(api, 'bob')).headers;
  const job = (await (
    await submitJson(api, { prompt: 'x', images: [base64], webhook_url: 'https://example.com/' }, ann)
  ).json()) as { id: string };
  await finishJob(api, await claim(api.database, job.id), [await picture('#f00')]);
  const { rows } = await api.database.pool.query('select id from webhook_deliveries');
  const upload = (await (await fetch(`${api.url}/v1/uploads`, { method: 'POST', headers: ann })).json()) as {
    id: string;
    url: string;
  };
  await fetch(upload.url, { method: 'PUT', body: new Uint8Array(await picture()) });

  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/cancel'],
    ['GET', '/events'],
    ['GET', '/inputs/0'],
    ['GET', '/inputs/0/thumbnail'],
    ['GET', '/outputs/0'],
    ['GET', '/outputs/0/thumbnail'],
    ['GET', '/webhooks'],
  ] as const) {
    const response = await fetch(`${api.url}/v1/jobs/${job.id}${path}`, { method, headers: bob });
    expect(response.status, path).toBe(404);
  }
  const redeliver = `${api.url}/v1/webhook-deliveries/${rows[0].id}/redeliver`;
  expect((await fetch(redeliver, { method: 'POST', headers: bob })).status).toBe(404);
  expect((await fetch(redeliver, { method: 'POST', headers: ann })).status).toBe(202);
  expect(await (await fetch(`${api.url}/v1/jobs`, { headers: bob })).json()).toMatchObject({ data: [] });
  const stolen = await submitJson(api, { prompt: 'x', images: [upload.id] }, bob);
  expect(await stolen.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
  // The same picture of another owner is another object.
  expect((await submitJson(api, { prompt: 'x', images: [base64] }, bob)).status).toBe(202);
  expect(await Array.fromAsync(api.store.list('inputs/'))).toHaveLength(2);
  expect((await fetch(`${api.url}/v1/jobs/${job.id}/outputs/0`, { headers: ann })).status).toBe(200);
});

describe('if other machines can reach the API', () => {
  it('nobody gets in without a key, and the local token is one', async () => {
    const api = await startTestApi({ keysRequired: true, localToken: 'a-secret-of-this-machine' });
    expect((await fetch(`${api.url}/v1/jobs`)).status).toBe(401);
    const local = { authorization: 'Bearer a-secret-of-this-machine' };
    expect((await fetch(`${api.url}/v1/jobs`, { headers: local })).status).toBe(200);
    expect((await fetch(`${api.url}/v1/jobs`, { headers: { authorization: 'Bearer a-secret' } })).status).toBe(401);
  });

  it('everybody gets in when that is asked for, but no foreign page, by its origin or by its name', async () => {
    const api = await startTestApi({ keysRequired: true, insecure: true, allowedHosts: ['edit.example'] });
    expect((await ask(api, { host: 'edit.example' })).status).toBe(200);
    expect((await ask(api, { host: '192.168.0.9:7860' })).status).toBe(200);
    expect((await ask(api, { host: 'edit.example', origin: 'http://evil.example' })).status).toBe(403);
    const rebound = { host: 'evil.example:7860', origin: 'http://evil.example:7860' };
    expect(await ask(api, rebound)).toEqual({ status: 421, code: 'host_refused' });
  });
});

async function ask(api: TestApi, headers: Record<string, string>, line = 'GET /v1/jobs HTTP/1.1') {
  const all = { host: `127.0.0.1:${api.port}`, connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const { status, text } = await openRaw(api.port, `${[line, ...lines].join('\r\n')}\r\n\r\n`).answer();
  return { status, code: (JSON.parse(text.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, '')) as { code?: string }).code };
}

describe('without keys', () => {
  const server = sharedApi({ publicUrl: 'https://edit.example', allowedHosts: ['api.internal'] });

  it.each([
    ...['127.0.0.1', '127.0.0.1:1234', 'localhost', 'LOCALHOST:80', 'app.localhost', '[::1]:7860', '192.168.0.9'],
    ...['[::2]', 'edit.example', 'edit.example:8', 'api.internal:7860'],
  ])('the Host %s leads here and nowhere else', async (host) => {
    expect((await ask(server(), { host })).status).toBe(200);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', 'x.edit.example', 'internal'])(
    'the Host %s may be made to point here, and is refused by every route',
    async (host) => {
      const { routes } = server().api;
      for (const { method, path } of routes) {
        const line = `${method} ${path.replaceAll(/:\w+/g, '0').replace('*', 'x')} HTTP/1.1`;
        expect([line, await ask(server(), { host, 'content-length': '0' }, line)]).toEqual([
          line,
          { status: 421, code: 'host_refused' },
        ]);
      }
      expect((await ask(server(), {}, `GET http://${host}/v1/jobs HTTP/1.1`)).status).toBe(421);
    },
  );

  it('the refusal says what to do', async () => {
    const { text } = await openRaw(
      server().port,
      'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    ).answer();
    expect(text).toContain('QWEN_EDIT_ALLOWED_HOSTS');
    expect(text).toContain('evil.example');
  });

  it('once keys are in use, every name may lead here: nobody gets more by it than everybody may have', async () => {
    const api = await startTestApi();
    const host = 'evil.example';
    expect((await ask(api, { host }, 'GET /livez HTTP/1.1')).status).toBe(421);
    const { headers } = await keyOf(api, 'ann');
    expect((await ask(api, { host }, 'GET /livez HTTP/1.1')).status).toBe(200);
    expect((await ask(api, { host })).status).toBe(401);
    expect((await ask(api, { ...headers, host })).status).toBe(200);
  });

  it('a page of another origin is refused, its own page is not', async () => {
    const own = `127.0.0.1:${server().port}`;
    expect((await ask(server(), { origin: `http://${own}` })).status).toBe(200);
    for (const origin of ['http://evil.example', 'http://127.0.0.1:1', 'http://localhost', 'null', 'file://'])
      expect(await ask(server(), { origin }), origin).toEqual({ status: 403, code: 'origin_refused' });
    const cross = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
    expect((await ask(server(), cross)).status).toBe(403);
    // Somebody follows a link.
    expect((await ask(server(), { ...cross, 'sec-fetch-mode': 'navigate' })).status).toBe(200);
    expect((await ask(server(), { ...cross, 'sec-fetch-mode': 'navigate' }, 'DELETE /v1/jobs/x HTTP/1.1')).status).toBe(
      403,
    );
    expect((await ask(server(), { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' })).status).toBe(200);
  });

  it('addresses that are given out are the public ones', async () => {
    const { urls } = await submitOne(server());
    expect(urls.get).toMatch(/^https:\/\/edit\.example\/v1\/jobs\/job_/);
  });

  it('a key makes the page that calls a program like others', async () => {
    const api = await startTestApi({ localToken: 'a-secret-of-this-machine' });
    const headers = {
      authorization: 'Bearer a-secret-of-this-machine',
      host: 'evil.example',
      origin: 'http://evil.example',
    };
    expect((await ask(api, headers)).status).toBe(200);
  });
});
