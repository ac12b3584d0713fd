import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Health, Job, ModelList } from '@qwen-edit/contract';
import { readDataDirLock } from '@qwen-edit/db';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type HubServer, startHubServer } from '../hub/hub-server.ts';
import { newPicture, postJson } from './calls.ts';
import { demoModelFiles } from './demo-model-files.ts';
import { endDatabase } from './embedded.ts';
import { type RunningCommand, runCommand } from './processes.ts';
import { prepare } from './system.ts';
import { pollUntil } from './waiting.ts';

const REPO = 'someone/small-edit';
const GATED = 'someone/gated-edit';
/** Where it does not matter what the model does. */
const FAKE_ENGINE = join(import.meta.dirname, '../fakes/engine.ts');
const PHOTO = join(import.meta.dirname, '../fixtures/photos/rocket.jpg');
let folder = '';
let env: Record<string, string> = {};
let hub: HubServer;
beforeAll(async () => {
  const prepared = await prepare();
  folder = prepared.folder;
  hub = await startHubServer({ token: 'hf_right' });
  const files = await demoModelFiles();
  hub.serve({ repo: REPO, files });
  hub.serve({ repo: GATED, files, gated: true });
  // The real engine: what has been downloaded is loaded and makes a picture.
  env = {
    ...prepared.env,
    QWEN_EDIT_ENGINE_PROGRAM: '',
    QWEN_EDIT_RETRY_MAX_SECONDS: '',
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: join(folder, 'hf'),
    HF_HUB_CACHE: '',
    HUGGINGFACE_HUB_CACHE: '',
    HF_TOKEN: '',
    HF_HUB_OFFLINE: '',
    NO_PROXY: '*',
    no_proxy: '*',
    QWEN_EDIT_MODEL: REPO,
  };
});
afterAll(async () => {
  await hub.close();
  for (const name of ['data', 'other']) endDatabase(join(folder, name));
  await rm(folder, { recursive: true, force: true });
});

let running: RunningCommand[] = [];
/** Whatever a test has left running would keep the next from the data folder. */
afterEach(async () => {
  await Promise.all(running.map((command) => command.stop('SIGKILL')));
  running = [];
});

function run(args: readonly string[], changes: Record<string, string> = {}): RunningCommand {
  const command = runCommand(args, { ...env, ...changes }, folder);
  running.push(command);
  return command;
}

async function start(changes: Record<string, string> = {}): Promise<{ service: RunningCommand; url: string }> {
  const service = run(['serve'], changes);
  const [, url = ''] = await service.until(/is ready at (\S+)/);
  return { service, url };
}

const read = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;
const workersOf = async (url: string) => (await read<Health>(`${url}/health`)).workers;
const modelOf = async (url: string) => (await read<ModelList>(`${url}/v1/models`)).data[0];

/** A busy machine may answer one of its looks too late. */
const untilReady = (url: string) =>
  pollUntil('an API that is ready', async () => (await fetch(`${url}/readyz`)).status === 200);

async function submit(url: string): Promise<Job> {
  const images = [(await newPicture()).toString('base64')];
  const response = await postJson(`${url}/v1/jobs`, { prompt: 'blur it', images, width: 64, height: 64 });
  expect(response.status).toBe(202);
  return (await response.json()) as Job;
}

it('edit downloads nothing, and an empty QWEN_EDIT_2511_DIR names what does', async () => {
  const flags = ['edit', '--image', PHOTO, '--prompt', 'x', '--out', join(folder, 'x.png')];
  const [named, empty] = [
    run([...flags, '--model', 'someone/other']),
    run(flags, { QWEN_EDIT_MODEL: '', QWEN_EDIT_2511_DIR: join(folder, 'nothing-yet') }),
  ];
  expect([await named.ended, await empty.ended]).toEqual([1, 1]);
  expect(named.output()).toContain('`qwen-edit model pull someone/other`');
  expect(empty.output()).toContain('Run `qwen-edit model pull`');
  expect(hub.requests).toEqual([]);
});

it('the first start downloads the model while jobs wait; a start after a kill goes on from there; then it needs no hub', async () => {
  const held = hub.holdAfter(3_000_000);
  const { service, url } = await start();
  await held;
  const job = await submit(url);
  await pollUntil('a download that is told', async () => ((await workersOf(url))[0]?.download?.bytes ?? 0) > 1e6);
  expect(await read(`${url}/health`)).toMatchObject({ model: 'small-edit', model_status: 'loading' });
  expect(await modelOf(url)).toMatchObject({ id: 'small-edit', ready: false, download: { phase: 'downloading' } });
  await untilReady(url);
  const { progress } = await read<Job>(`${url}/v1/jobs/${job.id}`);
  expect(progress.waiting).toMatchObject({ code: 'model_downloading', message: expect.stringMatching(/ of \d+ MB/) });
  expect(service.output()).toContain('"msg":"the model is downloaded first"');

  // A second worker on the same cache waits for the first, and says so.
  const lock = await readDataDirLock(join(folder, 'data'));
  const shared = { DATABASE_URL: String(lock?.database_url), STORAGE_URL: `file:${join(folder, 'data/objects')}` };
  const second = run(['worker'], { ...shared, QWEN_EDIT_DATA_DIR: join(folder, 'other') });
  await pollUntil('a worker that waits for the other', async () =>
    (await workersOf(url)).some(({ download }) => download?.phase === 'waiting'),
  );
  const status = run(['status', job.id, '--url', url]);
  expect(await status.ended).toBe(0);
  expect(status.output()).toContain('note: The model is being downloaded');

  // A stop ends a wait and a download at once; a kill leaves what has come.
  expect(await second.stop()).toBe(0);
  expect(await service.stop('SIGKILL')).toBe('SIGKILL');
  const before = hub.requests.length;
  hub.goOn();
  const next = await start();
  const done = await pollUntil('the end of the job', async () => {
    const now = await read<Job>(`${next.url}/v1/jobs/${job.id}`);
    return now.status !== 'queued' && now.status !== 'running' && now;
  });
  expect(done).toMatchObject({ status: 'succeeded', receipt: { model: { name: 'small-edit' } } });
  expect(hub.requests.slice(before).some(({ range }) => /^bytes=[1-9]/.test(range ?? ''))).toBe(true);
  expect(next.service.output()).toContain('"msg":"the model is downloaded"');
  const model = await pollUntil('a ready model', async () => ((m) => m?.ready && m)(await modelOf(next.url)));
  expect(model).toMatchObject({ id: 'small-edit', download: null });
  expect(await next.service.stop()).toBe(0);

  const asked = hub.requests.length;
  const offline = await start({ HF_HUB_OFFLINE: '1', QWEN_EDIT_ENGINE_PROGRAM: FAKE_ENGINE });
  await pollUntil('a ready worker', async () => (await workersOf(offline.url))[0]?.ready === true);
  expect(await offline.service.stop()).toBe(0);
  expect(hub.requests.length).toBe(asked);
});

it('a model that may not be had is told with what to do while the service lives; a stop ends a download', async () => {
  const { service, url } = await start({ QWEN_EDIT_MODEL: GATED });
  const trouble = await pollUntil('what is wrong', async () => (await workersOf(url))[0]?.last_error ?? undefined);
  expect(trouble).toMatch(/gated-edit.*HF_TOKEN/);
  await untilReady(url);
  const job = await submit(url);
  expect((await read<Job>(`${url}/v1/jobs/${job.id}`)).progress.waiting).toMatchObject({
    code: 'worker_not_ready',
    last_error: trouble,
  });
  expect(await service.stop()).toBe(0);

  const held = hub.holdAfter(1_000_000);
  const allowed = await start({ QWEN_EDIT_MODEL: GATED, HF_TOKEN: 'hf_right' });
  await held;
  expect(await allowed.service.stop()).toBe(0);
  hub.goOn();
});
