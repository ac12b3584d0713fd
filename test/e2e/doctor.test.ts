import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { healthSchema } from '@qwen-edit/contract';
import { readDataDirLock } from '@qwen-edit/db';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { CHECK_NAMES } from '../../apps/cli/src/doctor/run-checks.ts';
import { makeBucket } from '../buckets.ts';
import { emptyUrl } from '../db/harness.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { awsSettings } from './aws-settings.ts';
import { postJson } from './calls.ts';
import { makeQueues } from './messages.ts';
import { s3Objects } from './objects.ts';
import { runCommand } from './processes.ts';

const report = z.object({
  ok: z.boolean(),
  seconds: z.number(),
  findings: z.array(
    z.object({
      check: z.string(),
      status: z.enum(['ok', 'note', 'problem']),
      message: z.string(),
      code: z.string().optional(),
      cause: z.string().optional(),
      remedy: z.string().optional(),
    }),
  ),
});
type Report = z.infer<typeof report>;

let folder = '';
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-doctor-')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Nobody of this machine is asked: neither a port nor a hub that it may have. */
const QUIET = { PORT: '0', HF_ENDPOINT: '', QWEN_EDIT_MODEL: '', HF_HUB_OFFLINE: '', HTTPS_PROXY: '', HTTP_PROXY: '' };

async function doctor(
  env: Readonly<Record<string, string>>,
  ...flags: readonly string[]
): Promise<{ code: unknown; text: string }> {
  const command = runCommand(['doctor', ...flags], { ...QUIET, ...env }, folder);
  const code = await command.ended;
  return { code, text: command.output() };
}

async function findingsOf(env: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<Report> {
  const { code, text } = await doctor(env, '--json', ...flags);
  const json = text.split('\n').find((line) => line.startsWith('{')) ?? '';
  const found = report.parse(JSON.parse(json));
  expect(code).toBe(found.ok ? 0 : 1);
  return found;
}

it('a sound embedded setup has no problem, each check has a line, and nothing is made', async () => {
  const { code, text } = await doctor({ QWEN_EDIT_DATA_DIR: 'data' });
  expect(code, text).toBe(0);
  for (const name of CHECK_NAMES) expect(text).toMatch(new RegExp(`^(ok|note) +${name} `, 'm'));
  expect(text).toMatch(/ok +self-test +cpu: a small edit in [\d.]+ s, \d+ dB of the golden one/);
  expect(text).toMatch(/^0 problems, \d+ notes?, \d+ ok, in [\d.]+ s$/m);
  expect(await readdir(folder)).toEqual([]);
});

it('of a broken setup every problem is named at once, with a remedy; what hangs or fails holds up no other check', async () => {
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'file'), '');
  // It takes connections and never says a word.
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void mute.close());
  const address = mute.address();
  const { ok, findings } = await findingsOf({
    DATABASE_URL: `postgres://nobody@127.0.0.1:${typeof address === 'object' ? address?.port : 0}/none`,
    STORAGE_URL: `file:${join(folder, 'file/objects')}`,
    QUEUE_URL: 'http://127.0.0.1:1/1/jobs',
    AWS_REGION: 'nowhere',
    QWEN_EDIT_2511_DIR: join(folder, 'empty'),
    QWEN_EDIT_MAX_CONCURRENCY: 'many',
    QWEN_EDIT_MAX_QEUE: '1',
    QWEN_EDIT_ENGINE_PROGRAM: join(folder, 'none.ts'),
    HTTPS_PROXY: 'proxy',
  });
  expect(ok).toBe(false);
  const problems = findings.filter(({ status }) => status === 'problem');
  expect(new Set(problems.map(({ check }) => check))).toEqual(
    new Set(['settings', 'model', 'database', 'storage', 'queue']),
  );
  for (const { remedy = '' } of problems) expect(remedy.length).toBeGreaterThan(10);
  const codes = problems.flatMap(({ code }) => code ?? []);
  expect(codes).toEqual(
    expect.arrayContaining(['usage', 'model_not_found', 'database_unavailable', 'queue_unavailable']),
  );
  expect(findings.some(({ message }) => message.includes('QWEN_EDIT_MAX_QUEUE'))).toBe(true);
  expect(problems.some(({ message }) => message.includes('HTTPS_PROXY'))).toBe(true);
  expect(findings.filter(({ check }) => check === 'libraries').every(({ status }) => status === 'ok')).toBe(true);
});

it('beside a running service it says how that is, and disturbs nothing', async () => {
  const dataDir = join(folder, 'served');
  const service = runCommand(['serve'], { PORT: '0', QWEN_EDIT_DATA_DIR: dataDir }, folder);
  const [, url] = await service.until(/is ready at (\S+)/);
  const isReady = async () => healthSchema.parse(await (await fetch(`${url}/health`)).json()).workers[0]?.ready;
  await expect.poll(isReady, { timeout: 300_000 }).toBe(true);
  expect(service.output()).toContain('the self-test has passed');
  const lock = await readDataDirLock(dataDir);
  const postmaster = await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8');
  const files = (await readdir(dataDir)).sort();
  const { mtimeMs } = await stat(join(dataDir, 'lock.json'));

  const { ok, findings } = await findingsOf({ QWEN_EDIT_DATA_DIR: dataDir }, '--skip', 'libraries,disk');
  const said = findings.map(({ check, message }) => `${check}: ${message}`).join('\n');
  expect(ok, said).toBe(true);
  expect(said).toMatch(/service: qwen-edit \S+ runs: 1 of 1 workers are ready/);
  expect(said).toMatch(/database: PostgreSQL 18\S*; \d+ of \d+ connections/);
  expect(said).toContain('database: the schema is that of this version');
  expect(said).not.toContain('libraries:');
  expect(await readDataDirLock(dataDir)).toEqual(lock);
  expect((await stat(join(dataDir, 'lock.json'))).mtimeMs).toBe(mtimeMs);
  expect(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).toBe(postmaster);
  expect((await readdir(dataDir)).sort()).toEqual(files);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await service.stop()).toBe(0);
});

it('a service whose device drifts takes no job and says why, to doctor too, until it computes right', async () => {
  const dataDir = join(folder, 'drifting');
  const FAKE_ENGINE_DRIFT = join(folder, 'drifts');
  await writeFile(FAKE_ENGINE_DRIFT, '');
  const QWEN_EDIT_ENGINE_PROGRAM = join(import.meta.dirname, '../fakes/engine.ts');
  const env = { PORT: '0', QWEN_EDIT_DATA_DIR: dataDir, QWEN_EDIT_RETRY_SECONDS: '0.1' };
  const service = runCommand(['serve'], { ...env, QWEN_EDIT_ENGINE_PROGRAM, FAKE_ENGINE_DRIFT }, folder);
  const [, url] = await service.until(/is ready at (\S+)/);
  await service.until(/the engine fails its self-test/);
  const image = (await readFile(join(import.meta.dirname, '../../scripts/demo/photos/cat.jpg'))).toString('base64');
  const { id } = (await (await postJson(`${url}/v1/jobs`, { prompt: 'x', images: [image] })).json()) as { id: string };

  const { ok, findings } = await findingsOf({ QWEN_EDIT_DATA_DIR: dataDir }, '--skip', 'libraries,disk,self-test');
  expect(ok).toBe(false);
  expect(findings.filter(({ status }) => status === 'problem')).toMatchObject([
    { check: 'service', cause: expect.stringMatching(/^The self-test fails\. .* the transformer \(noise_pred\)/) },
  ]);
  const job = async () => (await (await fetch(`${url}/v1/jobs/${id}`)).json()) as { status: string };
  expect(await job()).toMatchObject({ status: 'queued', attempt: 0 });

  await rm(FAKE_ENGINE_DRIFT);
  await expect.poll(async () => (await job()).status, { timeout: 300_000 }).toBe('succeeded');
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
    /qwen_edit_self_tests_total\{result="drifted",device="cpu"\} [1-9]/,
  );
  expect(await service.stop()).toBe(0);
});

describe.each(await containerSuites(['PostgreSQL, MinIO, LocalStack']))('of a deployment on %s', () => {
  it('database, storage and queue are asked, and with --write an object comes and goes', async () => {
    const [minio, localstack] = await Promise.all([serviceAddress('minio'), serviceAddress('localstack')]);
    const bucket = await makeBucket(minio);
    const sqs = await makeQueues(localstack);
    const objects = s3Objects(minio, bucket, 'in/front');
    const env = {
      DATABASE_URL: await emptyUrl(),
      ...awsSettings({ minio, localstack, queues: sqs, storageUrl: `s3://${bucket}/in/front` }),
    };
    const skip = CHECK_NAMES.filter((name) => !['database', 'storage', 'queue'].includes(name)).join(',');
    const { findings } = await findingsOf(env, '--skip', skip, '--write');
    const said = findings.map(({ check, status, message }) => `${status} ${check}: ${message}`);
    expect(said).toContainEqual(expect.stringMatching(/^problem database: The database lacks the migrations/));
    expect(said).toContain(`ok storage: s3://${bucket}/in/front is reached`);
    expect(said).toContain('ok storage: an object was written, read and deleted');
    expect(said).toContainEqual(expect.stringMatching(/^ok queue: the queue \S+ is reached; about 0 messages$/));
    expect(said).toContainEqual(expect.stringMatching(/^ok queue: the queue \S+ is reached and empty$/));
    expect(await objects.keys()).toEqual([]);

    const lost = await findingsOf({ ...env, STORAGE_URL: 's3://there-is-none' }, '--skip', skip, '--write');
    expect(lost.findings.filter(({ check }) => check === 'storage')).toMatchObject([
      { status: 'problem', code: 'storage_unavailable' },
    ]);
    objects.close();
    sqs.close();
  });
});

it('a flag or a check that there is not is bad usage', async () => {
  const { code, text } = await doctor({}, '--skip', 'databse');
  expect(code).toBe(2);
  expect(text).toContain("There is no check 'databse'. Did you mean database?");
});
