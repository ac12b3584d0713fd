import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppError, toAppError } from '@qwen-edit/contract';
import { takeLock } from '@qwen-edit/files';
import { expect, it } from 'vitest';
import { modelCommand } from '../../apps/cli/src/model/model-command.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { prepareModel } from './prepared-folders.ts';

const COMMIT = 'c'.repeat(40);

/** A model in a cache of the hub, and what was prepared of it. */
async function harness() {
  const folder = await temporaryFolder();
  const weightCacheDir = join(folder, 'prepared');
  const repo = join(folder, 'hub/models--Qwen--Small');
  const dir = join(repo, 'snapshots', COMMIT);
  await cp(checkpointDir('tiny-a'), dir, { recursive: true });
  await mkdir(join(repo, 'refs'));
  await writeFile(join(repo, 'refs/main'), COMMIT);
  const prepared = await prepareModel(weightCacheDir, { dir });
  const run = async (...args: string[]): Promise<{ out: string; error: AppError | undefined }> => {
    const said: string[] = [];
    const error = await modelCommand(args, {
      terminal: { out: (text) => said.push(text), err: () => undefined, errIsTty: false, columns: () => 80 },
      configOf: () =>
        Object.assign(Object.create(null), { weightCacheDir, hubCacheDir: join(folder, 'hub'), noColor: true }),
      demoModelDir: dir,
      now: () => 0,
      signal: new AbortController().signal,
    }).then(() => undefined, toAppError);
    return { out: said.join(''), error };
  };
  return { dir, repo, weightCacheDir, prepared, run };
}

it('list shows what was prepared of each model, and of other folders', async () => {
  const { run, weightCacheDir, prepared } = await harness();
  const other = await prepareModel(weightCacheDir, { dir: checkpointDir('tiny-c'), processor: 'of another machine' });
  await rm(join(other.folder, (await readdir(other.folder)).find((name) => name.endsWith('.manifest.json')) ?? ''));
  const [own, foreign] = (await run('list', '--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const bytes = expect.any(Number);
  expect(own).toMatchObject({
    repo: 'Qwen/Small',
    whole: true,
    prepared: [{ precision: 'w8a8', whole: true, preparing: false, used: true, bytes }],
  });
  expect(own.prepared[0].folder).toBe(prepared.folder);
  expect(foreign).toMatchObject({
    repo: null,
    dir: checkpointDir('tiny-c'),
    prepared: [{ whole: false, used: false }],
  });
  const { out } = await run('list');
  expect(out).toMatch(/Qwen\/Small {2}main .*\n.*\n {2}prepared for w8a8 {2}\d+\.\d kB {2}whole\n/);
  expect(out).toMatch(
    /tiny-c {2}of another folder\n.*\n {2}prepared for w8a8 .* not whole: 1 of 2 parts, not used here: .*\n/,
  );
});

it('verify reads every byte of what was prepared, and tells what it was made of other weights', async () => {
  const { run, prepared, dir, weightCacheDir } = await harness();
  expect(await run('verify')).toMatchObject({
    error: undefined,
    out: expect.stringContaining('as they were prepared'),
  });
  // One bit, where no sample is taken.
  const path = join(prepared.folder, 'transformer.blocks.0-2.bin');
  const right = await readFile(path);
  const wrong = Buffer.from(right);
  wrong.writeUInt8(wrong.readUInt8(6000) ^ 1, 6000);
  await writeFile(path, wrong);
  expect((await prepareModel(weightCacheDir, { dir })).made).toBe(0);
  const { out, error } = await run('verify', '--json');
  expect(error?.code).toBe('model_corrupt');
  expect(JSON.parse(out).findings).toMatchObject([{ file: path, message: expect.stringContaining('SHA-256') }]);
  expect((await run('verify', '--quick')).error).toBeUndefined();
  await writeFile(path, right);

  // As after a repair of the checkpoint that its digest does not tell.
  const manifest = join(prepared.folder, 'text-encoder.layers.0-2.manifest.json');
  const other = await prepareModel(join(weightCacheDir, 'other'), { dir: checkpointDir('tiny-c') });
  const names = (await readdir(other.folder)).filter((name) => name.startsWith('text-encoder.'));
  for (const name of names) await copyFile(join(other.folder, name), join(prepared.folder, name));
  expect(names).toContain(manifest.split('/').at(-1));
  const again = JSON.parse((await run('verify', '--json')).out);
  expect(again.findings).toMatchObject([{ message: expect.stringContaining('made of other weights') }]);
});

it('remove removes what was prepared with the model, also when the model is gone, and never while it is made', async () => {
  const { run, repo, prepared, weightCacheDir, dir } = await harness();
  const timing = { beatMs: 100, deadMs: 5000 };
  const signal = new AbortController().signal;
  const lock = await takeLock(join(prepared.folder, 'lock'), { timing, signal, onWait: () => undefined });
  expect((await run('remove', 'Qwen/Small', '--yes')).error?.code).toBe('model_busy');
  await lock.release();
  expect(await readdir(join(repo, 'snapshots'))).toEqual([COMMIT]);
  const kept = await prepareModel(weightCacheDir, { dir: checkpointDir('tiny-c') });

  const { out } = await run('remove', 'Qwen/Small', '--yes', '--json');
  const { removed } = JSON.parse(out);
  expect(removed).toMatchObject({ repo: 'Qwen/Small', commits: [COMMIT], prepared: [{ precision: 'w8a8' }] });
  expect(removed.prepared_bytes).toBeGreaterThan(prepared.bytes);
  expect(await readdir(join(weightCacheDir, 'weights'))).toEqual([kept.folder.split('/').at(-1)]);
  expect((await run('remove', 'Qwen/Small', '--yes')).error?.code).toBe('model_not_found');

  await cp(checkpointDir('tiny-a'), dir, { recursive: true });
  await prepareModel(weightCacheDir, { dir });
  await rm(repo, { recursive: true });
  expect((await run('remove', 'Qwen/Small', '--yes')).error).toBeUndefined();
  expect((await run('remove', checkpointDir('tiny-c'), '--yes')).out).toMatch(/what was prepared of .* are free again/);
  expect(await readdir(join(weightCacheDir, 'weights'))).toEqual([]);
});
