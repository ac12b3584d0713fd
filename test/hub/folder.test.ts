import { readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findModel, listModels, parseModelRef } from '@qwen-edit/hub';
import { expect, it } from 'vitest';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { errorOf, SHARD, startHarness } from './harness.ts';
import { lfsIdOf } from './hub-server.ts';
import { smallModel } from './models.ts';

const start = async () => {
  const harness = await startHarness();
  const localDir = join(harness.folder, 'model');
  return { ...harness, localDir, into: () => harness.pull({ localDir }) };
};

it('a folder of its own gets plain files, with notes as Python makes them', async () => {
  const { into, localDir, files, commit, ref, settings } = await start();
  expect(await into()).toMatchObject({ dir: localDir, commit, leftOut: [] });
  expect(await contentOf(localDir)).toEqual(wholeContent(files));
  expect((await stat(join(localDir, SHARD))).isFile()).toBe(true);
  const [noted, etag] = (
    await readFile(join(localDir, '.cache/huggingface/download', `${SHARD}.metadata`), 'utf8')
  ).split('\n');
  expect([noted, etag]).toEqual([commit, lfsIdOf(files[SHARD] ?? Buffer.alloc(0))]);
  expect(await leftovers(localDir)).toEqual([]);
  expect(await findModel(ref, settings, localDir)).toBe(localDir);
  expect(await contentOf(settings.cacheDir).catch(() => ({}))).toEqual({});
});

it('what lies there already is read, and only what is missing or wrong is downloaded', async () => {
  const { hub, into, localDir, files } = await start();
  await into();
  const vae = join(localDir, 'vae/diffusion_pytorch_model.safetensors');
  // As if it had been copied there by hand: no notes, a damaged file, a short one.
  await rm(join(localDir, '.cache'), { recursive: true });
  await truncate(join(localDir, SHARD), 100);
  const damaged = await readFile(vae);
  damaged[5] = (damaged[5] ?? 0) ^ 1;
  await writeFile(vae, damaged);
  const before = hub.requests.length;
  expect(await into()).toMatchObject({ verified: 2 });
  expect(await contentOf(localDir)).toEqual(wholeContent(files));
  expect(hub.requests.slice(before).filter(({ host }) => host === 'cdn')).toHaveLength(2);
});

it('a file that was changed after its note is read again', async () => {
  const { into, localDir, files } = await start();
  await into();
  const damaged = Buffer.from(files[SHARD] ?? Buffer.alloc(0));
  damaged[9] = (damaged[9] ?? 0) ^ 1;
  await writeFile(join(localDir, SHARD), damaged);
  const later = new Date(Date.now() + 60_000);
  await utimes(join(localDir, SHARD), later, later);
  expect(await into()).toMatchObject({ verified: 1 });
  expect(await contentOf(localDir)).toEqual(wholeContent(files));
});

it('between two versions of a model the folder is none, and is never a mixture', async () => {
  const { hub, into, localDir, ref, settings } = await start();
  await into();
  const files = smallModel({ seed: 'two' });
  hub.serve({ repo: 'Qwen/Small', files });
  hub.fault(SHARD, { kind: 'drop', after: 10 });
  hub.always(SHARD, { kind: 'status', status: 500 });
  await errorOf(into());
  await expect(stat(join(localDir, 'model_index.json'))).rejects.toThrow('ENOENT');
  expect(await findModel(ref, settings, localDir)).toBeUndefined();
  expect(await listModels(settings, localDir)).toMatchObject([
    { repo: 'Qwen/Small', dir: localDir, missing: expect.arrayContaining(['model_index.json']) },
  ]);
  hub.always(SHARD, { kind: 'drop', after: 1e9 });
  await into();
  expect(await contentOf(localDir)).toEqual(wholeContent(files));
  expect(await findModel(ref, settings, localDir)).toBe(localDir);
});

it('some files of another version make no model of the folder', async () => {
  const { hub, into, pull, localDir, ref, settings } = await start();
  await into();
  hub.serve({ repo: 'Qwen/Small', files: smallModel({ seed: 'two' }) });
  await pull({ localDir, include: ['vae/*'] });
  expect(await findModel(ref, settings, localDir)).toBeUndefined();
  await into();
  expect(await findModel(ref, settings, localDir)).toBe(localDir);
});

it('the folder of one model is refused to another', async () => {
  const { hub, into, localDir, settings } = await start();
  await into();
  hub.serve({ repo: 'Qwen/Other', files: smallModel({ seed: 'two' }) });
  const { pullModel } = await import('@qwen-edit/hub');
  const other = pullModel(parseModelRef('Qwen/Other'), settings, { localDir, signal: AbortSignal.timeout(600_000) });
  expect(await errorOf(other)).toMatchObject({ code: 'usage', message: expect.stringContaining('Qwen/Small') });
  expect(await findModel(parseModelRef('Qwen/Other'), settings, localDir)).toBeUndefined();
});

it('offline a whole folder is returned without a request', async () => {
  const { hub, into, pull, localDir, commit } = await start();
  await into();
  const before = hub.requests.length;
  expect(await pull({ localDir }, { offline: true })).toMatchObject({ dir: localDir, commit, files: 12 });
  await rm(join(localDir, SHARD));
  expect(await errorOf(pull({ localDir }, { offline: true }))).toMatchObject({ code: 'model_not_found' });
  expect(hub.requests).toHaveLength(before);
});
