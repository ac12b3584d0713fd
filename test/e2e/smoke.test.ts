import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type NamedOutcome, runSmoke } from '../../apps/cli/src/smoke/run-smoke.ts';
import type { WebhookPlan } from '../../apps/cli/src/smoke/webhook-plan.ts';
import { listenForWebhooks } from '../../apps/cli/src/smoke/webhook-receiver.ts';
import { queryOnce } from '../db/query.ts';
import { type ProxiedCall, sendPage, sendUpstream, startForwardingProxy } from '../support/forwarding-proxy.ts';
import { startEmbedded } from './embedded.ts';
import { runCommand } from './processes.ts';
import { type System, WEBHOOK_SECRET } from './system.ts';

let system: System;
let service = '';
beforeAll(async () => {
  system = await startEmbedded();
  service = system.members('api')[0]?.url ?? '';
});
afterAll(() => system.remove());

/** The fake engine does what the prompt says: pictures of many colours, and edits that take a while. */
const PROMPT = 'shades each:20ms';

interface Run {
  readonly url?: string;
  readonly prompt?: string;
  readonly skip?: readonly string[];
  readonly webhook?: WebhookPlan;
}

/** Runs the checks in this process, asking often. */
async function smoke({ url = service, prompt = PROMPT, skip = [], webhook }: Run) {
  const { checks } = await runSmoke({
    ...{ url, apiKey: undefined, version: '0.1.0', skip: new Set(skip), fetch },
    settings: { prompt, timeoutMs: 300_000, pollMs: 20, webhook },
    onCheck: () => undefined,
    note: () => undefined,
    now: () => performance.now(),
    signal: new AbortController().signal,
  });
  return checks;
}

const named = (checks: readonly NamedOutcome[], result: NamedOutcome['result']): string[] =>
  checks.filter((check) => check.result === result).map(({ name }) => name);

async function smokeThrough(handle: (call: ProxiedCall) => unknown, more: Run = {}) {
  return smoke({ ...more, url: await startForwardingProxy(service, handle) });
}

async function countJobs(): Promise<number> {
  const [row] = await queryOnce<{ count: string }>(await system.databaseUrl(), 'select count(*) from jobs');
  return Number(row?.count);
}

it('every check passes against a service that keeps its promises, and no job is left', async () => {
  const listening = await listenForWebhooks({ host: '127.0.0.1', port: 0 });
  const hook = `127.0.0.1:${listening.port}`;
  listening.close();
  const args = ['smoke', '--url', service, '--webhook-listen', hook, '--prompt', PROMPT, '--json'];
  const command = runCommand(args, { QWEN_EDIT_WEBHOOK_SECRET: WEBHOOK_SECRET }, system.folder);
  expect(await command.ended, command.output()).toBe(0);
  const said = JSON.parse(
    command
      .output()
      .split('\n')
      .findLast((line) => line.startsWith('{')) ?? '',
  );
  expect(said).toMatchObject({ url: service, version: '0.1.0', failed: 0 });
  expect(named(said.checks, 'skipped')).toEqual(['openai']);
  expect(said.passed).toBe(said.checks.length - 1);
  expect(await countJobs()).toBe(0);
});

it('checks that are stopped in the middle delete their jobs, and the exit code says what stopped them', async () => {
  const args = ['smoke', '--url', service, '--prompt', 'stay'];
  const command = runCommand(args, {}, system.folder);
  await expect.poll(countJobs, { timeout: 120_000 }).toBe(1);
  expect(await command.stop('SIGINT')).toBe(130);
  expect(command.output()).toContain('deleted 1 job of these checks');
  expect(await countJobs()).toBe(0);
});

it('text has a line for each check, and the remedy below one that failed', async () => {
  const args = ['smoke', '--url', 'http://127.0.0.1:1'];
  const command = runCommand(args, {}, system.folder);
  expect(await command.ended).toBe(1);
  expect(command.output()).toMatch(
    /^failed {3}reachable {4}.*\n {22}to do: .*\nskipped {2}health {7}reachable has failed\n/,
  );
  expect(command.output()).toMatch(/\n0 ok, 1 failed, \d+ skipped, in \d+\.\d s\n$/);
});

/** What stands before a service and does one thing wrong; the check that has to find it, and what it has to say. */
const FAULTS: readonly (readonly [
  what: string,
  check: string,
  says: RegExp,
  handle: (call: ProxiedCall) => unknown,
])[] = [
  [
    'holds event streams back',
    'events',
    /No event arrived before the edit was over, though \d+ other calls were answered/,
    async (call) =>
      call.request.headers.accept === 'text/event-stream' ? sendUpstream(call, await call.whole()) : call.pass(),
  ],
  ['drops Last-Event-ID', 'events', /has the id job_\w+:1, not/, (call) => call.pass({ 'last-event-id': undefined })],
  [
    'ends event streams before they begin',
    'events',
    /^The stream of events ended 5 times before the final event/,
    (call) =>
      call.request.headers.accept === 'text/event-stream'
        ? call.response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
        : call.pass(),
  ],
  [
    'cuts bodies at 1 MB',
    'uploads',
    /A picture of \d+ bytes in a form is not taken. The answer is 413 from something that is not the service: "413 Request Entity Too Large"/,
    (call) =>
      Number(call.request.headers['content-length'] ?? 0) > 1_000_000 || call.request.headers['transfer-encoding']
        ? sendPage(call, 413, '413 Request Entity Too Large')
        : call.pass(),
  ],
  [
    'answers what is too large with a page of its own',
    'uploads',
    /The answer is 413 from something that is not the service/,
    (call) =>
      Number(call.request.headers['content-length'] ?? 0) > 100_000_000
        ? sendPage(call, 413, '413 Request Entity Too Large')
        : call.pass(),
  ],
  [
    'keeps cancels to itself',
    'cancel',
    /the job was not asked to stop/,
    async (call) =>
      call.path.endsWith('/cancel')
        ? sendUpstream(call, await call.whole({ method: 'GET', path: call.path.replace('/cancel', '') }))
        : call.pass(),
  ],
  [
    'says that jobs will be canceled which are not',
    'cancel',
    /3 edits that were asked to stop went on to their end/,
    async (call) => {
      if (!call.path.endsWith('/cancel')) return call.pass();
      const answer = await call.whole({ method: 'GET', path: call.path.replace('/cancel', '') });
      const job = { ...JSON.parse(answer.body.toString()), cancel_requested: true };
      sendUpstream(call, { ...answer, body: Buffer.from(JSON.stringify(job)) });
    },
  ],
  ['drops Idempotency-Key', 'idempotency', /has made two jobs/, (call) => call.pass({ 'idempotency-key': undefined })],
  [
    'waits too shortly for /edit',
    'guide',
    /The answer is 504 from something that is not the service: "504 Gateway Time-out"/,
    (call) => (call.path === '/edit' ? sendPage(call, 504, '504 Gateway Time-out') : call.pass()),
  ],
  [
    'cannot reach /metrics',
    'metrics',
    /\/metrics is answered with 502/,
    (call) => (call.path === '/metrics' ? sendPage(call, 502, '502 Bad Gateway') : call.pass()),
  ],
];

it.each(FAULTS)('a balancer that %s fails the check %s, and no other', async (_, check, says, handle) => {
  // Large bodies take a while, and most faults have nothing to do with them.
  const skip = check === 'uploads' || check === 'cancel' ? [] : ['uploads'];
  const checks = await smokeThrough(handle, { skip });
  expect(named(checks, 'failed'), JSON.stringify(checks, null, 1)).toEqual([check]);
  expect(named(checks, 'skipped').filter((name) => !['webhooks', 'openai', ...skip].includes(name))).toEqual([]);
  const failed = checks.find(({ name }) => name === check);
  expect(failed?.detail).toMatch(says);
  expect(failed?.hint).toMatch(/\.$/);
  expect(await countJobs()).toBe(0);
});

it('a worker whose pictures are of one colour fails the edit; what needs a picture is left out, the rest is looked at', async () => {
  const checks = await smoke({ prompt: 'each:20ms', skip: ['metrics'] });
  expect(named(checks, 'failed')).toEqual(['edit']);
  expect(checks.find(({ name }) => name === 'edit')?.detail).toBe('The result is all of one colour.');
  expect(named(checks, 'skipped')).toEqual(['metrics', 'guide', 'events', 'cancel', 'webhooks', 'openai']);
  expect(await countJobs()).toBe(0);
});

it('an edit that fails is told with its code', async () => {
  const checks = await smoke({ prompt: 'fail:out_of_memory', skip: ['uploads'] });
  expect(named(checks, 'failed')).toEqual(['edit']);
  expect(checks.find(({ name }) => name === 'edit')?.detail).toMatch(/\(out_of_memory\)$/);
});

const ONLY_EDIT = { skip: ['guide', 'events', 'cancel', 'idempotency', 'uploads'] };

it('a result that is changed on its way, or cannot be fetched from where the job says, fails the edit', async () => {
  const changed = await smokeThrough(async (call) => {
    if (!call.path.endsWith('/outputs/0')) return call.pass();
    const answer = await call.whole();
    if (answer.status !== 200) return sendUpstream(call, answer);
    sendUpstream(call, { ...answer, body: await sharp(answer.body).webp().toBuffer() });
  }, ONLY_EDIT);
  expect(named(changed, 'failed')).toEqual(['edit']);
  expect(changed.find(({ name }) => name === 'edit')?.detail).toMatch(/which are not those that the job tells of/);

  const elsewhere = await smokeThrough((call) => call.pass({ host: '127.0.0.1:1' }), ONLY_EDIT);
  const edit = elsewhere.find(({ name }) => name === 'edit');
  expect(edit?.detail).toMatch(/^The result cannot be fetched from http:\/\/127\.0\.0\.1:1: /);
  expect(edit?.hint).toContain('QWEN_EDIT_PUBLIC_URL');
});

it.each([
  [
    'shows a page for everything',
    'reachable',
    /a page and is not the API: "Welcome"/,
    (call: ProxiedCall) => sendPage(call, 200, 'Welcome'),
  ],
  [
    'reaches nothing',
    'reachable',
    /502 from something that is not the service/,
    (call: ProxiedCall) => sendPage(call, 502, '502 Bad Gateway'),
  ],
  [
    'leads elsewhere',
    'reachable',
    /redirect to https:\/\/edit\.example\/livez/,
    ({ response, path }: ProxiedCall) => response.writeHead(308, { location: `https://edit.example${path}` }).end(),
  ],
] as const)('behind a balancer that %s nothing else is tried', async (_, check, says, handle) => {
  const checks = await smokeThrough(handle);
  expect(named(checks, 'failed')).toEqual([check]);
  expect(named(checks, 'passed')).toEqual([]);
  expect(checks.find(({ name }) => name === check)?.detail).toMatch(says);
});

it('a balancer that puts pages in the place of errors fails the check of problems', async () => {
  const checks = await smokeThrough(async (call) => {
    if (call.path.startsWith('/v1/jobs') && !call.path.endsWith('/events')) {
      const answer = await call.whole();
      return answer.status < 400 ? sendUpstream(call, answer) : sendPage(call, answer.status, 'Sorry');
    }
    call.pass();
  });
  expect(checks.find(({ result }) => result === 'failed')?.name).toBe('problems');
  expect(checks.find(({ name }) => name === 'problems')?.detail).toContain('"Sorry"');
});

describe('webhooks', () => {
  const skip = ['guide', 'events', 'cancel', 'idempotency', 'uploads', 'openai'];

  it('a receiver that does not take the call fails the check, with what it answered', async () => {
    const url = system.outside.hook('smoke-refuses', 500, 500, 500, 500, 500, 500, 500);
    const checks = await smoke({ skip, webhook: { url, receiver: undefined, secret: undefined } });
    expect(named(checks, 'failed')).toEqual(['webhooks']);
    expect(checks.find(({ name }) => name === 'webhooks')?.detail).toBe(
      'The receiver of the webhook was not told: it answered with 500.',
    );
  });

  it('another receiver that takes the call passes', async () => {
    const url = system.outside.hook('smoke-takes');
    const checks = await smoke({ skip, webhook: { url, receiver: undefined, secret: undefined } });
    expect(checks.find(({ name }) => name === 'webhooks')).toMatchObject({ result: 'passed' });
  });

  it('a signature by another secret fails the check; one by the secret that the job brings holds', async () => {
    const receiver = await listenForWebhooks({ host: '127.0.0.1', port: 0 });
    onTestFinished(() => receiver.close());
    const url = `http://127.0.0.1:${receiver.port}/`;
    const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const wrong = await smoke({ skip, webhook: { url, receiver, secret: other } });
    expect(named(wrong, 'failed')).toEqual(['webhooks']);
    expect(wrong.find(({ name }) => name === 'webhooks')?.detail).toBe('The signature of the webhook does not hold.');
    const own = await smoke({ skip, webhook: { url, receiver, secret: undefined } });
    expect(named(own, 'failed')).toEqual([]);
  });
});
