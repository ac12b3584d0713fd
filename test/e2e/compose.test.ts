import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryOnce } from '../db/query.ts';
import { toolSuites } from '../infra/tools.ts';
import { balancerTests } from './compose/balancer.ts';
import { readThrough, submitThrough, untilEndedThrough } from './compose/caller.ts';
import { containerDeathTests } from './compose/deaths.ts';
import { monitoringTests } from './compose/monitoring.ts';
import { createStack, databaseUrlOf } from './compose/stack.ts';
import { docker, imageSuites, readPhoto } from './containers.ts';
import { runCommand } from './processes.ts';
import { pollUntil } from './waiting.ts';

const root = join(import.meta.dirname, '../..');
const stack = createStack();
const { compose, asCaller } = stack;

/** Does in the storage of a role all that the roles do there; the second picture is put in parts. */
const USE_STORE = `
  const { createStore } = await import('/app/packages/storage/src/index.ts');
  const { STORAGE_URL, AWS_ENDPOINT_URL_S3, AWS_REGION } = process.env;
  const store = createStore(STORAGE_URL, { s3: { endpoint: AWS_ENDPOINT_URL_S3, region: AWS_REGION, forcePathStyle: true } });
  await store.check();
  const keys = ['inputs/small', 'inputs/large'];
  await store.put(keys[0], Buffer.from('x'), { mediaType: 'image/png' });
  await store.put(keys[1], (async function* () { for (let i = 0; i < 12; i++) yield Buffer.alloc(1 << 20); })(), { mediaType: 'image/png' });
  (await store.get(keys[0])).body.destroy();
  const listed = [];
  for await (const { key } of store.list('inputs/')) listed.push(key);
  if (!keys.every((key) => listed.includes(key))) throw new Error(String(listed));
  await store.delete(keys);
  if (await store.head(keys[1]) !== undefined) throw new Error('it is still there');
  await store.sweepTemporary(0);
  await store.close();
  console.log('all done');
`;

const prometheus = await toolSuites(['prometheus'], ['monitoring']);
const suites = await imageSuites('the tests of compose.yaml', ['two of each role']);

describe.each(suites)('docker compose up: %s', () => {
  beforeAll(() => stack.up(prometheus.length > 0));
  afterAll(() => stack.remove());

  it.each(stack.apis)('%s edits a picture', async (api) => {
    const body = {
      prompt: 'Turn this photo into grayscale',
      width: 96,
      height: 64,
      image_base64: [(await readPhoto()).toString('base64')],
    };
    const response = await fetch(`${api}/edit`, {
      method: 'POST',
      headers: { ...asCaller(), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { image_base64: string; job_id: string };
    expect(response.status, JSON.stringify(answer).slice(0, 1000)).toBe(200);
    const { channels } = await sharp(Buffer.from(answer.image_base64, 'base64')).stats();
    const means = channels.map(({ mean }) => mean);
    expect(Math.max(...means) - Math.min(...means)).toBeLessThan(10);

    const output = await fetch(`${api}/v1/jobs/${answer.job_id}/outputs/0`, { headers: asCaller() });
    expect(output.redirected).toBe(true);
    expect(Buffer.from(await output.arrayBuffer()).toString('base64')).toBe(answer.image_base64);
  });

  it('without passwords it does not start, and says how they are made', async () => {
    const refused = docker(['compose', '--env-file', '/dev/null', '-f', join(root, 'infra/compose.yaml'), 'config']);
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('run infra/make-env.sh') });
  });

  it('the profile gpu adds a worker that reserves all cards of NVIDIA, and nothing else does', async () => {
    const services = async (...flags: string[]) =>
      JSON.parse(await compose(...flags, 'config', '--format', 'json')).services;
    const reservation = { capabilities: ['gpu'], driver: 'nvidia', count: -1 };
    expect((await services('--profile', 'gpu'))['worker-cuda']).toMatchObject({
      image: 'qwen-edit-worker-cuda:local',
      deploy: { resources: { reservations: { devices: [reservation] } } },
    });
    expect(await services()).not.toHaveProperty('worker-cuda');
  });

  it.each(stack.apis)('%s answers nobody without the key', async (api) => {
    expect((await fetch(`${api}/v1/jobs`)).status).toBe(401);
    expect((await fetch(`${api}/v1/jobs`, { headers: asCaller() })).status).toBe(200);
  });

  it.each(stack.apis)('%s serves the page that the image was built with', async (api) => {
    const page = await (await fetch(api)).text();
    const script = /<script type="module"[^>]* src="([^"]+)"/.exec(page)?.[1];
    const response = await fetch(new URL(script ?? 'none', api));
    expect(response.status, page.slice(0, 500)).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/javascript/);
  });

  it('both workers are known to both APIs', async () => {
    for (const api of stack.apis) {
      const { workers } = (await (await fetch(`${api}/health`)).json()) as { workers: unknown };
      expect(workers).toMatchObject([
        { ready: true, gpu_id: null },
        { ready: true, gpu_id: null },
      ]);
    }
  });

  it('the roles may do in the storage what they need there, and nothing else', async () => {
    const secret = await stack.password('S3_SECRET_KEY');
    const s3 = new S3Client({
      endpoint: `http://127.0.0.1:${stack.env.S3_PORT}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'qwen-edit', secretAccessKey: secret },
    });
    const put = new PutObjectCommand({ Bucket: 'qwen-edit', Key: 'elsewhere/mine', Body: 'x' });
    await expect(s3.send(put)).rejects.toMatchObject({ name: 'AccessDenied' });
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual(['qwen-edit']);
    s3.destroy();
    // Each kind of request that the roles make, from one of them.
    expect(await compose('exec', '--no-TTY', 'api', 'node', '--input-type=module', '--eval', USE_STORE)).toBe(
      'all done\n',
    );
  });

  it('the image of the API also holds the commands that ask about the service', async () => {
    const script = 'qwen-edit config > /dev/null && qwen-edit list --json';
    const said = await compose(
      'exec',
      '--no-TTY',
      '--env',
      `QWEN_EDIT_API_KEY=${stack.key()}`,
      'api',
      'sh',
      '-c',
      script,
    );
    expect(said).toContain('"status":"succeeded"');
  });

  it('a worker in the image of the API says at once that it cannot edit there', async () => {
    await expect(compose('run', '--rm', '--no-deps', 'api', 'worker')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ONNX Runtime is not installed here'),
    });
  });

  it('qwen-edit smoke finds nothing against it, through the balancer, with a webhook', async () => {
    // The outer network's address of this machine.
    const listen = `${await stack.gateway()}:18099`;
    const smoke = runCommand(
      ['smoke', '--url', stack.balancer, '--webhook-listen', listen],
      { QWEN_EDIT_API_KEY: stack.key() },
      tmpdir(),
    );
    expect(await smoke.ended, smoke.output()).toBe(0);
    expect(smoke.output()).toMatch(/webhook/);
  });

  describe('the balancer', () => balancerTests(() => stack));
  describe('containers that are killed', () => containerDeathTests(() => stack));
  describe.each(prometheus)('%s', () => monitoringTests(() => stack));

  it('workers that are told to stop in the midst of an edit finish it or give it back: it costs no failure', async () => {
    const { id } = await submitThrough(stack, { width: 256, height: 256, num_inference_steps: 40 });
    await pollUntil('an edit that is begun', async () => (await readThrough(stack, id)).status === 'running');
    const workers = await stack.containers('worker');
    // For longer than a worker takes by itself.
    await docker(['stop', '--time', '300', ...workers]);
    const ends = (await docker(['inspect', '--format', '{{.State.ExitCode}}', ...workers])).trim().split('\n');
    expect(ends).toEqual(['0', '0']);
    await docker(['start', ...workers]);
    expect(await untilEndedThrough(stack, id)).toMatchObject({ status: 'succeeded' });
    const rows = await queryOnce(await databaseUrlOf(stack), 'select failures from jobs where id = $1', [id]);
    expect(rows).toEqual([{ failures: 0 }]);
  });

  it('every role that is told to stop ends by itself, with exit code 0', async () => {
    await compose('stop', 'api', 'dispatcher', 'worker');
    const ids = (await compose('ps', '--all', '--quiet', 'api', 'dispatcher', 'worker')).trim().split('\n');
    const format = '{{.State.ExitCode}} {{.State.OOMKilled}}';
    const ends = (await docker(['inspect', '--format', format, ...ids])).trim().split('\n');
    expect(ends).toEqual(Array(6).fill('0 false'));
  });
});
