import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { acquireDataDirLock, startEmbeddedPostgres } from '../../packages/db/src/index.ts';
import { newPicture } from '../e2e/calls.ts';
import { type RunningCommand, runCommand } from '../e2e/processes.ts';
import { startOutside } from '../e2e/receiver.ts';
import { prepare } from '../e2e/system.ts';
import { madeUpCards } from './made-up-cards.ts';
import { createRecording, type Recording, type ScrapeTarget } from './scrapes.ts';

type RecordedRole = 'api' | 'worker' | 'dispatcher';

interface Member {
  readonly url: string;
  readonly running: RunningCommand;
}

/**
 * node test/infra/record-metrics.ts [--minutes 8]
 * Runs two APIs, two workers and a dispatcher on a database of their own, has three owners send edits that succeed, fail, are cancelled, retried and
 * expire, kills a worker, and writes what the processes measured each 15 s to test/fixtures/metrics/recorded.om, and one of each kind of line that they
 * logged to test/fixtures/logs/recorded.jsonl. All times are the real ones.
 */
const { values: flags } = parseArgs({ options: { minutes: { type: 'string', default: '8' } } });
const EVERY_MS = 15_000;
const OWNERS = ['studio', 'shop', 'archive'];
const root = join(import.meta.dirname, '../..');
const FIXTURES = join(root, 'test/fixtures');

const { folder, env: prepared } = await prepare();
const data = join(folder, 'data');
const postgresFolder = join(folder, 'postgres');
const drift = join(folder, 'drift');
await Promise.all([data, postgresFolder].map((each) => mkdir(each, { recursive: true })));
const lock = await acquireDataDirLock(postgresFolder);
const postgres = await startEmbeddedPostgres({ dataDir: postgresFolder });
const outside = await startOutside();
const env = {
  ...prepared,
  DATABASE_URL: postgres.url,
  FAKE_ENGINE_DRIFT: drift,
  QWEN_EDIT_LEASE_SECONDS: '6',
  QWEN_EDIT_REAP_SECONDS: '1',
  QWEN_EDIT_WEBHOOK_RETRY_SECONDS: '1,2',
  QWEN_EDIT_LOG_LEVEL: 'debug',
};
const processes: RunningCommand[] = [];
const targets: ScrapeTarget[] = [];
const times: number[] = [];
const say = (line: string): void => console.error(`${new Date().toISOString()} ${line}`);

async function command(...args: string[]): Promise<string> {
  const running = runCommand(args, env, folder);
  if ((await running.ended) !== 0) throw new Error(running.output());
  return running.output().trim();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Starts a process of a role. What it measures is kept under a made-up address, as containers have. */
async function start(role: RecordedRole, instance: string): Promise<Member> {
  const port = await freePort();
  const own = role === 'api' ? {} : { QWEN_EDIT_METRICS_PORT: String(port) };
  const running = runCommand([role], { ...env, ...own }, folder);
  processes.push(running);
  const [, url = `http://127.0.0.1:${port}`] = await running.until(/ready at (\S+)|has started/);
  targets.push({ job: `qwen-edit-${role}`, instance, url });
  return { url, running };
}

try {
  await command('migrate');
  const keys = await Promise.all(OWNERS.map((owner) => command('keys', 'create', '--name', owner, '--owner', owner)));
  const apis = [await start('api', '10.0.0.11:7860'), await start('api', '10.0.0.12:7860')];
  await start('dispatcher', '10.0.0.21:9464');
  await start('worker', '10.0.0.31:9464');
  let victim = await start('worker', '10.0.0.32:9464');
  const recording = createRecording();
  const end = Date.now() + Number(flags.minutes) * 60_000;
  const scraping = scrape(recording, end);
  say('edits begin');
  await work(apis, keys, end, async () => {
    // Both workers are to be busy.
    for (const key of keys) await submit(apis[0]?.url ?? '', key, { prompt: 'each:2s', num_inference_steps: 10 });
    await delay(5000);
    say('a worker is killed');
    await victim.running.stop('SIGKILL');
    targets.pop();
    // The next one computes wrong numbers at first.
    await writeFile(drift, '');
    victim = await start('worker', '10.0.0.33:9464');
    await delay(20_000);
    await rm(drift);
  });
  await scraping;
  await Promise.all(processes.map((each) => each.stop()));
  await writeFile(join(FIXTURES, 'metrics/recorded.om'), recording.text());
  await writeFile(join(FIXTURES, 'metrics/made-up-cards.om'), madeUpCards(times));
  await writeFile(join(FIXTURES, 'logs/recorded.jsonl'), linesOf(processes.map(({ output }) => output())));
} finally {
  await Promise.all(processes.map((each) => each.stop('SIGKILL')));
  outside.close();
  await postgres.stop();
  await lock.release();
  await rm(folder, { recursive: true, force: true });
}

/** Of the lines of a log, one of each role, message and set of fields. */
function linesOf(outputs: readonly string[]): string {
  const kinds = new Map<string, string>();
  for (const line of outputs.flatMap((output) => output.split('\n'))) {
    if (!line.startsWith('{')) continue;
    const fields = JSON.parse(line) as Record<string, unknown>;
    const kind = [fields.role, fields.msg, ...Object.keys(fields).sort()].join(' ');
    if (!kinds.has(kind)) kinds.set(kind, line.replaceAll(folder, '/tmp/qwen-edit').replaceAll(root, '/app'));
  }
  const sorted = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, line]) => `${line}\n`).join('');
}

async function scrape(recording: Recording, end: number): Promise<void> {
  while (Date.now() < end) {
    const seconds = Math.round(Date.now() / 1000);
    times.push(seconds);
    await recording.scrape(targets, seconds);
    await delay(EVERY_MS - (Date.now() % EVERY_MS));
  }
}

/** Sends edits until the end; half way, `kill` is called while one is running. */
async function work(
  apis: readonly Member[],
  keys: readonly string[],
  end: number,
  kill: () => Promise<void>,
): Promise<void> {
  const half = Date.now() + (end - Date.now()) / 2;
  let killing: Promise<void> | undefined;
  for (let n = 0; Date.now() < end - 20_000; n++) {
    const api = apis[n % apis.length]?.url ?? '';
    // The first owner sends three of five edits.
    const key = keys[[0, 0, 1, 0, 2][n % 5] ?? 0] ?? '';
    await call(api, key, n);
    if (killing === undefined && Date.now() > half) killing = kill();
    // A burst every two minutes, so that a queue builds up.
    const burst = Math.floor(Date.now() / 60_000) % 2 === 0 && Date.now() % 60_000 < 10_000;
    await delay(burst ? 150 : 1500);
  }
  await killing;
}

/** The n-th call: mostly an edit, now and then something else. */
async function call(api: string, key: string, n: number): Promise<void> {
  const each = 80 + ((n * 37) % 120);
  const edit = (words: string, fields: object = {}): Promise<Response> =>
    submit(api, key, { prompt: `each:${each}ms ${words}`, num_inference_steps: 8 + (n % 3) * 4, ...fields });
  if (n % 29 === 28) {
    await fetch(`${api}/v1/jobs/job_none`, { headers: { authorization: `Bearer ${key}` } });
    await submit(api, 'qe_wrong', { prompt: 'x' });
    await submit(api, key, { prompt: '' });
  } else if (n % 23 === 11) {
    await submit(api, key, { prompt: `each:50ms`, num_inference_steps: 4 }, '/edit');
  } else if (n % 17 === 5) {
    const job = (await (await edit('')).json()) as { id: string };
    await delay(400);
    await fetch(`${api}/v1/jobs/${job.id}/cancel`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
  } else if (n % 19 === 7) await edit(`crash:sigkill once:crash-${n}`);
  else if (n % 31 === 3) await edit('fail:engine_failed');
  else if (n % 37 === 9) await edit('', { deadline: new Date(Date.now() + 1000).toISOString() });
  else if (n % 13 === 4) await edit('', { webhook_url: outside.hook(`down-${n}`, 500, 500, 500, 500) });
  else if (n % 7 === 2) await edit('', { webhook_url: outside.hook(`hook-${n}`, ...(n % 2 === 0 ? [500] : [])) });
  else await edit('');
}

async function submit(api: string, key: string, body: object, path = '/v1/jobs'): Promise<Response> {
  const images = [(await newPicture()).toString('base64')];
  const field = path === '/edit' ? { image_base64: images } : { images };
  return fetch(`${api}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...field, ...body }),
  });
}
