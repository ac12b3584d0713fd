import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChosenModel, chooseModel, explainMissing, nameOfChosen, requireChosen } from './choose-model.ts';

const DEMO = '/the/demo/model';
const REAL = { repo: 'Qwen/Qwen-Image-Edit-2511', revision: 'main' };
const hub = { endpoint: 'http://127.0.0.1:9', cacheDir: '/none/hub', offline: false };

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-choose-'));
});
afterAll(() => rm(folder, { recursive: true }));

const choose = (flag: string | undefined, model?: string, modelDir?: string): Promise<ChosenModel> =>
  chooseModel({ flag, config: { model, modelDir }, demoModelDir: DEMO });

it('--model comes before QWEN_EDIT_MODEL, which comes before QWEN_EDIT_2511_DIR, which comes before the demo model', async () => {
  const real = 'Qwen/Qwen-Image-Edit-2511';
  expect(await choose('/a/folder', real, '/b')).toEqual({ kind: 'folder', dir: '/a/folder', from: '--model' });
  expect(await choose('me/mine@v1', real, '/b')).toEqual({
    kind: 'hub',
    ref: { repo: 'me/mine', revision: 'v1' },
    localDir: undefined,
    from: '--model',
  });
  expect(await choose(undefined, real, '/b')).toEqual({
    ...{ kind: 'hub', ref: REAL, localDir: '/b', from: 'QWEN_EDIT_MODEL' },
  });
  expect(await choose(undefined, real)).toMatchObject({ kind: 'hub', localDir: undefined });
  expect(await choose(undefined, undefined, '/b')).toEqual({ kind: 'folder', dir: '/b', from: 'QWEN_EDIT_2511_DIR' });
  expect(await choose(undefined)).toEqual({ kind: 'folder', dir: DEMO, from: 'demo' });
  expect(await choose('', real, '/b')).toEqual({ kind: 'folder', dir: DEMO, from: 'demo' });
});

it('a folder that is there comes before a model of the hub with such a name, and what no model can be named is a folder', async () => {
  const before = process.cwd();
  try {
    process.chdir(folder);
    await mkdir('models/mine', { recursive: true });
    expect(await choose('models/mine')).toMatchObject({ kind: 'folder', dir: 'models/mine' });
    expect(await choose('models/other')).toMatchObject({ kind: 'hub', ref: { repo: 'models/other' } });
  } finally {
    process.chdir(before);
  }
  for (const name of ['./mine', 'mine', 'a/b/c', '~/m', '../m'])
    expect(await choose(name), name).toMatchObject({ kind: 'folder', dir: name });
});

it('a model that was downloaded to QWEN_EDIT_2511_DIR is found there by its name too, and another one is not', async () => {
  const dir = join(folder, 'downloaded');
  await mkdir(join(dir, '.cache/huggingface'), { recursive: true });
  await writeFile(join(dir, '.cache/huggingface/qwen-edit.json'), JSON.stringify({ ...REAL, commit: 'a'.repeat(40) }));
  expect(await choose(REAL.repo, undefined, dir)).toMatchObject({ localDir: dir });
  expect(await choose('me/mine', undefined, dir)).toMatchObject({ localDir: undefined });
});

it('a command that downloads nothing names the command that does', async () => {
  await expect(requireChosen(await choose('me/mine@v1'), hub)).rejects.toMatchObject({
    code: 'model_not_found',
    message: 'me/mine@v1 is not whole in the cache /none/hub.',
    hint: expect.stringContaining('`qwen-edit model pull me/mine@v1`'),
  });
  await expect(requireChosen(await choose(undefined, REAL.repo, '/b'), hub)).rejects.toMatchObject({
    message: 'Qwen/Qwen-Image-Edit-2511 is not whole in /b.',
  });
  expect(await requireChosen(await choose('/a/folder'), hub)).toBe('/a/folder');
});

it('an empty folder of QWEN_EDIT_2511_DIR waits for its download, one with other files does not', async () => {
  const missing = new AppError('model_not_found', 'It is not a model folder.');
  const hintOf = async (chosen: ChosenModel) => (await explainMissing(missing, chosen)).hint;
  const empty = join(folder, 'empty');
  await mkdir(join(empty, '.cache/huggingface'), { recursive: true });
  expect(await hintOf(await choose(undefined, undefined, empty))).toContain('Run `qwen-edit model pull`');
  expect(await hintOf(await choose(undefined, undefined, join(folder, 'none')))).toContain('QWEN_EDIT_MODEL=');
  expect(await hintOf(await choose(empty))).toBe(missing.hint);
  await writeFile(join(empty, 'photo.jpg'), '');
  expect(await hintOf(await choose(undefined, undefined, empty))).toBe(missing.hint);
});

it('a model has the same name before and after its download', async () => {
  const nameOf = async (chosen: ChosenModel) => (chosen.kind === 'hub' ? nameOfChosen(chosen) : '');
  expect(await nameOf(await choose('Qwen/Qwen-Image-Edit-2511@main'))).toBe('Qwen-Image-Edit-2511');
  expect(await nameOf(await choose(undefined, 'Qwen/Qwen-Image-Edit-2511', '/models/edit/'))).toBe('edit');
});
