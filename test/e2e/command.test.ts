import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { environment } from '../config.ts';

const root = join(import.meta.dirname, '../..');
const command = join(root, 'apps/cli/bin/qwen-edit.js');
const picture = join(root, 'test/fixtures/goldens/inputs/sq_72x72.png');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-e2e-'));
});
afterEach(() => rm(folder, { recursive: true }));

function start(...flags: string[]): ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } {
  const env = { ...environment, QWEN_EDIT_2511_DIR: '' };
  return spawn(process.execPath, [command, 'edit', ...flags], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(...flags: string[]) {
  const child = start(...flags);
  const out = textOf(child.stdout);
  const err = textOf(child.stderr);
  const [code] = await once(child, 'exit');
  return { code, out: await out, err: await err };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

it('edits a picture with the demo model from any folder', async () => {
  const { code, out, err } = await run(
    '--image',
    picture,
    '--prompt',
    '变成黑白照片',
    '--steps',
    '2',
    '--out',
    'gray.webp',
    '--json',
  );
  expect(err).toBe('');
  const result = JSON.parse(out);
  expect(Object.keys(result)).toEqual(['outputs', 'seed', 'timings', 'receipt', 'warnings']);
  expect(result.outputs).toEqual([{ path: 'gray.webp', width: 256, height: 256 }]);
  expect(Object.keys(result.timings)).toEqual(['load_s', 'encode_s', 'denoise_s', 'decode_s', 'total_s']);
  expect(code).toBe(0);
  expect((await readFile(join(folder, 'gray.webp'))).subarray(8, 12).toString()).toBe('WEBP');
  expect(await readdir(folder)).toEqual(['gray.webp']);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s in the middle of an edit exits %d at once and leaves nothing behind', async (signal, expected) => {
  const child = start(
    '--image',
    picture,
    '--prompt',
    'grayscale',
    '--steps',
    '100',
    '--width',
    '512',
    '--height',
    '512',
    '--out',
    'x.png',
  );
  const err = textOf(child.stderr);
  const end = once(child, 'exit');
  // The note is written when the model has been loaded and the edit is about to begin.
  await once(child.stderr, 'data');
  // No event tells a reader of a pipe that the sampling has begun; any moment from here on has to do.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  child.kill(signal);
  const [code] = await end;
  expect(code).toBe(expected);
  expect(await readdir(folder)).toEqual([]);
  expect((await err).trimEnd().split('\n')).toHaveLength(1);
});

it('a folder without a model is an error with a code and a remedy', async () => {
  const { code, out, err } = await run(
    '--model',
    folder,
    '--image',
    picture,
    '--prompt',
    'x',
    '--out',
    'x.png',
    '--json',
  );
  expect(code).toBe(1);
  expect(JSON.parse(out).error.code).toBe('model_not_found');
  expect(err).toContain('(model_not_found)\nPoint --model');
});

it('an unknown precision is bad usage, and the error lists what there is', async () => {
  const { code, err } = await run('--image', picture, '--prompt', 'x', '--out', 'x.png', '--precision', 'int3');
  expect(code).toBe(2);
  expect(err).toContain('There is no precision "int3"; there is fp32 (');
  expect(await readdir(folder)).toEqual([]);
});

it('a file that is no picture is an error with a code, and nothing is written', async () => {
  const { code, err } = await run('--image', command, '--prompt', 'x', '--out', 'x.png');
  expect(code).toBe(1);
  expect(err).toContain('(image_invalid)');
  expect(await readdir(folder)).toEqual([]);
});
