import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createCalls } from '../../apps/cli/src/smoke/calls.ts';
import type { SmokeResult } from '../../apps/cli/src/smoke/check.ts';
import { drawSmokePicture, encodeSmokePicture } from '../../apps/cli/src/smoke/pictures.ts';
import { runSmoke, SMOKE_CHECKS } from '../../apps/cli/src/smoke/run-smoke.ts';
import { type ApiKeyRow, createApiKey, reportWorker, revokeApiKey } from '../../packages/db/src/index.ts';
import { FAKE_MODEL } from '../fakes/results.ts';
import { sendUpstream, startForwardingProxy } from '../support/forwarding-proxy.ts';
import { listenForTest } from '../support/listen-for-test.ts';
import { eventually, startTestApi, submitOne, type TestApi } from './harness.ts';

interface Run {
  readonly apiKey?: string;
  readonly only?: readonly string[];
  readonly timeoutMs?: number;
  readonly onNote?: (text: string) => void;
}

async function smoke(url: string, { apiKey, only = SMOKE_CHECKS, timeoutMs = 300_000, onNote = () => undefined }: Run) {
  const skip = new Set(SMOKE_CHECKS.filter((name) => !only.includes(name)));
  const { checks, serviceVersion } = await runSmoke({
    ...{ url, apiKey, version: '0.1.0', skip, fetch },
    settings: { prompt: 'make it gray', timeoutMs, pollMs: 10, webhook: undefined },
    onCheck: () => undefined,
    note: onNote,
    now: () => performance.now(),
    signal: new AbortController().signal,
  });
  const of = (name: string) => checks.find((check) => check.name === name);
  const told = (result: SmokeResult) => checks.filter((check) => check.result === result).map(({ name }) => name);
  return { of, told, serviceVersion };
}

const key = async ({ database }: TestApi, scopes: ApiKeyRow['scopes']) =>
  createApiKey(database.db, { owner: 'smoke', name: 'smoke', scopes });
const DOORS = ['reachable', 'health', 'key', 'problems', 'metrics'];

it('a service that demands keys keeps strangers out, and lets in a key that may read and submit', async () => {
  const api = await startTestApi({ keysRequired: true });
  const { secret, row } = await key(api, ['submit', 'read']);
  const run = await smoke(api.url, { apiKey: secret, only: [...DOORS, 'cleanup'] });
  expect(run.told('failed')).toEqual([]);
  expect(run.of('key')?.detail).toBe('without a key 401, with it both scopes, read and submit');
  expect(run.serviceVersion).toBe('1.2.3');
  expect(run.of('health')?.detail).toBe(
    'version 1.2.3 (this command is 0.1.0), no worker runs now: one has to be started when a job waits',
  );

  await revokeApiKey(api.database.db, row.id);
  const revoked = await smoke(api.url, { apiKey: secret });
  expect(revoked.told('failed')).toEqual(['key']);
  expect(revoked.of('key')?.detail).toMatch(/was revoked or has expired/);
  expect(revoked.told('passed')).toEqual(['reachable', 'health', 'metrics']);
});

it.each([
  ['read', /The key may not submit/],
  ['submit', /The key may not read/],
] as const)('a key that may only %s fails the check of keys, and nothing is submitted', async (scope, says) => {
  const api = await startTestApi({ keysRequired: true });
  const { secret } = await key(api, [scope]);
  const run = await smoke(api.url, { apiKey: secret });
  expect(run.told('failed')).toEqual(['key']);
  expect(run.of('key')?.detail).toMatch(says);
  expect(run.of('key')?.hint).toContain('--scopes submit,read');
  expect((await api.database.pool.query('select id from jobs')).rowCount).toBe(0);
});

it('a service that demands a key which is not given says how to make one', async () => {
  const api = await startTestApi({ keysRequired: true });
  const run = await smoke(api.url, {});
  expect(run.told('failed')).toEqual(['key']);
  expect(run.of('key')).toMatchObject({
    detail: 'The service demands a key, and none is given.',
    hint: expect.stringContaining('qwen-edit keys create'),
  });
});

it('a balancer that lets every key in fails the check of keys', async () => {
  const api = await startTestApi({ keysRequired: true });
  const { secret } = await key(api, ['submit', 'read']);
  const url = await startForwardingProxy(api.url, (call) =>
    call.pass(call.request.headers.authorization === undefined ? {} : { authorization: `Bearer ${secret}` }),
  );
  const run = await smoke(url, { apiKey: secret, only: DOORS });
  expect(run.told('failed')).toEqual(['key']);
  expect(run.of('key')?.detail).toMatch(/^A key that nobody made is answered with 200/);
});

it('a key goes to the service alone, not to another host that a job names', async () => {
  const api = await startTestApi({ keysRequired: true });
  const { secret } = await key(api, ['submit', 'read']);
  const seen: (string | undefined)[] = [];
  const other = await startForwardingProxy(api.url, (call) => {
    seen.push(call.request.headers.authorization);
    call.pass();
  });
  const calls = createCalls({ baseUrl: api.url, apiKey: secret, fetch, signal: new AbortController().signal });
  expect((await calls.answer(`${other}/v1/jobs`)).status).toBe(401);
  expect((await calls.answer(`${api.url}/v1/jobs`)).status).toBe(200);
  expect(seen).toEqual([undefined]);
});

it('where no worker begins an edit, the check says so; what needs a worker is left out, and the jobs are deleted', async () => {
  const api = await startTestApi();
  const notes: string[] = [];
  const run = await smoke(api.url, { timeoutMs: 1000, onNote: (text) => notes.push(text) });
  expect(run.told('failed')).toEqual(['edit']);
  expect(run.of('edit')?.detail).toMatch(/^In 1 s nobody has begun the edit job_\w+\. No worker/);
  expect(run.of('edit')?.hint).toMatch(/^Start `qwen-edit worker`/);
  expect(run.told('skipped')).toEqual(['guide', 'events', 'cancel', 'webhooks', 'openai']);
  expect(notes.filter((note) => note.startsWith('waiting: No worker'))).toHaveLength(1);
  expect(run.of('cleanup')?.result).toBe('passed');
  expect((await api.database.pool.query('select id from jobs')).rowCount).toBe(0);
});

it('a queue that is full is waited for', async () => {
  const api = await startTestApi({ maxQueue: 1 });
  const { id } = await submitOne(api);
  const notes: string[] = [];
  const running = smoke(api.url, { only: [...DOORS, 'idempotency', 'cleanup'], onNote: (text) => notes.push(text) });
  await eventually(() => notes.some((note) => /As many jobs are waiting as may/.test(note)));
  await fetch(`${api.url}/v1/jobs/${id}/cancel`, { method: 'POST' });
  const run = await running;
  expect(run.told('failed')).toEqual([]);
  expect(run.of('cleanup')?.detail).toBe('deleted 1 job of these checks');
});

it('a queue that stays full fails the checks that submit, with its code', async () => {
  const api = await startTestApi({ maxQueue: 1 });
  await submitOne(api);
  const run = await smoke(api.url, { only: [...DOORS, 'edit', 'cleanup'], timeoutMs: 1000 });
  expect(run.told('failed')).toEqual(['edit']);
  expect(run.of('edit')?.detail).toMatch(/\(queue_full\)$/);
});

it('a model that loads is waited for; one that could not be loaded is told in the words of its worker', async () => {
  const api = await startTestApi();
  const worker = { id: 'worker_a', host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: false, lastError: null };
  const model = { name: 'Qwen-Image-Edit-2511' };
  const download = {
    ...{ phase: 'downloading', bytes_done: 12_000_000_000, bytes: 60_000_000_000, files_done: 3, files: 31 },
    ...{ bytes_per_second: null, eta_seconds: null },
  };
  await reportWorker(api.database.db, { ...worker, model, download });
  const notes: string[] = [];
  const running = smoke(api.url, { only: ['reachable', 'health'], onNote: (text) => notes.push(text) });
  await eventually(() => notes.length > 0);
  expect(notes[0]).toBe('waiting: the model is being loaded, 20 % of it downloaded');
  await reportWorker(api.database.db, { ...worker, model, download: null, lastError: 'a file is missing' });
  const run = await running;
  expect(run.told('failed')).toEqual(['health']);
  expect(run.of('health')?.detail).toBe('No worker could load the model: a file is missing');

  await reportWorker(api.database.db, { ...worker, model, download });
  const slow = await smoke(api.url, { only: ['reachable', 'health'], timeoutMs: 1 });
  expect(slow.of('health')?.detail).toMatch(/has been loading for more than 0.001 s, 20 % of it downloaded/);
  expect(slow.of('health')?.hint).toContain('--timeout');
});

it('a service whose database is away is told as not ready, with its code', async () => {
  const api = await startTestApi({ limits: { statusTimeoutMs: 50 } });
  const url = await startForwardingProxy(api.url, (call) =>
    call.path === '/readyz'
      ? call.response.writeHead(503, { 'content-type': 'application/problem+json' }).end(
          JSON.stringify({
            ...{ type: 'urn:qwen-edit:error:database_unavailable', title: 'x', status: 503, retryable: true },
            ...{ detail: 'The database cannot be used now.', code: 'database_unavailable', hint: 'Try again soon.' },
            request_id: 'req_1',
          }),
        )
      : call.pass(),
  );
  const run = await smoke(url, { timeoutMs: 1 });
  expect(run.told('failed')).toEqual(['health']);
  expect(run.of('health')?.detail).toBe('The database cannot be used now (database_unavailable)');
});

it('a service with the images API of OpenAI is asked for a picture there; one without it is not', async () => {
  const api = await startTestApi();
  const only = ['reachable', 'key', 'openai'];
  const without = await smoke(api.url, { only });
  expect(without.of('openai')).toMatchObject({
    result: 'skipped',
    detail: 'the service has no /v1/images/edits',
  });

  let answer: unknown;
  const url = await startForwardingProxy(api.url, ({ path, request, response, pass }) => {
    if (path !== '/v1/images/edits') return pass();
    request.resume();
    const form = request.headers['content-type']?.startsWith('multipart/form-data') === true;
    response.writeHead(form ? 200 : 400, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  const inverted = drawSmokePicture(1);
  const bytes = await encodeSmokePicture({ ...inverted, data: inverted.data.map((level) => 255 - level) });
  answer = { created: 1, data: [{ b64_json: Buffer.from(bytes).toString('base64') }] };
  expect((await smoke(url, { only })).of('openai')?.result).toBe('passed');
  answer = { created: 1, data: [] };
  expect((await smoke(url, { only })).of('openai')?.detail).toMatch(/answered with 200 and without a picture/);
});

it('a service of version 0.1.0, whose models do not tell the size of references, is not asked for one', async () => {
  const api = await startTestApi();
  const bodies: string[] = [];
  const url = await startForwardingProxy(api.url, async (call) => {
    const answer = await call.whole();
    if (call.path === '/v1/models') {
      const { data, ...more } = JSON.parse(answer.body.toString());
      const old = data.map(({ reference_size: _, ...model }: Record<string, unknown>) => model);
      return sendUpstream(call, { ...answer, body: Buffer.from(JSON.stringify({ data: old, ...more })) });
    }
    if (call.path === '/v1/jobs' && call.method === 'POST') bodies.push(answer.body.toString());
    sendUpstream(call, answer);
  });
  await reportWorker(api.database.db, {
    ...{ id: 'worker_a', host: 'h', pid: 1, device: 'cpu', gpuId: null, ready: true, lastError: null },
    model: { ...FAKE_MODEL },
  });
  const only = ['reachable', 'key', 'idempotency', 'cleanup'];
  expect((await smoke(url, { only })).told('failed')).toEqual([]);
  expect(JSON.parse(bodies[1] ?? '{}').input).not.toHaveProperty('reference_size');
  bodies.length = 0;
  const newer = await startForwardingProxy(api.url, async (call) => {
    const answer = await call.whole();
    if (call.path === '/v1/jobs' && call.method === 'POST') bodies.push(answer.body.toString());
    sendUpstream(call, answer);
  });
  expect((await smoke(newer, { only })).told('failed')).toEqual([]);
  expect(JSON.parse(bodies[1] ?? '{}').input).toMatchObject({ reference_size: 'output', width: 256 });
});

it('a certificate that this machine does not trust is told, with how to trust it', async () => {
  const read = (name: string) => readFile(join(import.meta.dirname, '../fixtures/tls', name));
  const server = createServer({ key: await read('server.key'), cert: await read('server.pem') });
  const address = await listenForTest(server);
  const run = await smoke(address.replace('http:', 'https:'), {});
  expect(run.told('failed')).toEqual(['reachable']);
  expect(run.of('reachable')?.detail).toMatch(/certificate/);
  expect(run.of('reachable')?.hint).toContain('NODE_EXTRA_CA_CERTS');
});
