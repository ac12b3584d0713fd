import { cp, lstat, mkdir, readdir, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectedFiles, findModel, listModels, parseModelRef, planRemoval, removeModel } from '@qwen-edit/hub';
import { describe, expect, it } from 'vitest';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { errorOf, SHARD, startHarness } from './harness.ts';
import { gitIdOf, lfsIdOf } from './hub-server.ts';
import { smallModel } from './models.ts';

const signal = AbortSignal.timeout(600_000);
const of = (cacheDir: string): string => join(cacheDir, 'models--Qwen--Small');

describe('the layout that Python shares', () => {
  it('has contents by their digests, links to them, the commit of the branch, and the list of files', async () => {
    const { pull, settings, commit, files } = await startHarness();
    const { dir } = await pull();
    const root = of(settings.cacheDir);
    expect(dir).toBe(join(root, 'snapshots', commit));
    expect(await readlink(join(dir, SHARD))).toBe(`../../../blobs/${lfsIdOf(files[SHARD] ?? Buffer.alloc(0))}`);
    const index = files['model_index.json'] ?? Buffer.alloc(0);
    expect(await readlink(join(dir, 'model_index.json'))).toBe(`../../blobs/${gitIdOf(index)}`);
    expect(await readFile(join(root, 'refs/main'), 'utf8')).toBe(commit);
    const tree = JSON.parse(await readFile(join(root, 'trees', `${commit}.json`), 'utf8'));
    expect(tree).toMatchObject({ format_version: 1, files: { [SHARD]: { size: 60_000, lfs_size: 60_000 } } });
    // Other formats of the weights are on the list, and were left where they are.
    expect(Object.keys(tree.files)).toContain('vae/diffusion_pytorch_model.bin');
    expect(await readdir(join(dir, 'vae'))).toEqual(['config.json', 'diffusion_pytorch_model.safetensors']);
  });

  it('a partial file that another program left is gone on with, and a content that it left is taken', async () => {
    const { hub, pull, settings, files } = await startHarness();
    const bytes = files[SHARD] ?? Buffer.alloc(0);
    const vae = files['vae/diffusion_pytorch_model.safetensors'] ?? Buffer.alloc(0);
    const blobs = join(of(settings.cacheDir), 'blobs');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, `${lfsIdOf(bytes)}.incomplete`), bytes.subarray(0, 50_000));
    await writeFile(join(blobs, lfsIdOf(vae)), vae);
    const { dir } = await pull();
    expect(await contentOf(dir)).toEqual(wholeContent(files));
    expect(hub.requests.flatMap(({ host, range }) => (host === 'cdn' && range ? [range] : []))).toEqual([
      'bytes=50000-',
    ]);
    expect(hub.requests.filter(({ url }) => url.includes(lfsIdOf(vae)))).toEqual([]);
  });

  it.each([
    ['other bytes', (bytes: Uint8Array) => Buffer.alloc(bytes.length - 10, 7)],
    ['too many bytes', (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from('more')])],
    ['all bytes', (bytes: Uint8Array) => bytes],
  ])('a partial file with %s ends as the right file', async (_, part) => {
    const { pull, settings, files } = await startHarness();
    const bytes = files[SHARD] ?? Buffer.alloc(0);
    const blobs = join(of(settings.cacheDir), 'blobs');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, `${lfsIdOf(bytes)}.incomplete`), part(bytes));
    expect(await contentOf((await pull()).dir)).toEqual(wholeContent(files));
    expect(await leftovers(settings.cacheDir)).toEqual([]);
  });

  it('a damaged file that is removed from its folder is downloaded again, though its content lies in the cache', async () => {
    const { pull, settings, files } = await startHarness();
    const { dir } = await pull();
    const blob = join(of(settings.cacheDir), 'blobs', lfsIdOf(files[SHARD] ?? Buffer.alloc(0)));
    await writeFile(blob, Buffer.alloc(60_000, 7));
    await rm(join(dir, SHARD));
    expect(await pull()).toMatchObject({ verified: 1 });
    expect(await contentOf(dir)).toEqual(wholeContent(files));
  });

  it('files of one content are downloaded once', async () => {
    const files = { ...smallModel(), 'processor/merges.txt': smallModel()['tokenizer/merges.txt'] ?? Buffer.alloc(0) };
    const { hub, pull } = await startHarness({}, { files });
    const { dir } = await pull();
    expect(await contentOf(dir)).toEqual(wholeContent(files));
    expect(hub.requests.filter(({ host }) => host === 'cdn')).toHaveLength(4);
  });

  it('a second pull of the same commit asks for the branch alone', async () => {
    const { hub, pull } = await startHarness();
    await pull();
    const before = hub.requests.length;
    expect(await pull()).toMatchObject({ downloaded: 0, verified: 0, leftOut: [] });
    expect(hub.requests.slice(before).map(({ url }) => url.split('?')[0])).toEqual([
      '/api/models/Qwen/Small/revision/main',
    ]);
  });
});

describe('a model that is found', () => {
  it('is one of which every file is there with its size; asked of the disk alone', async () => {
    const { hub, pull, ref, settings, files } = await startHarness();
    expect(await findModel(ref, settings)).toBeUndefined();
    const { dir } = await pull();
    await hub.close();
    expect(await findModel(ref, settings)).toBe(dir);
    const blob = join(of(settings.cacheDir), 'blobs', lfsIdOf(files[SHARD] ?? Buffer.alloc(0)));
    await truncate(blob, 59_999);
    expect(await findModel(ref, settings)).toBeUndefined();
    await rm(blob);
    expect(await findModel(ref, settings)).toBeUndefined();
  });

  it('without a list of its files, as older Pythons leave it, has all that its indexes name', async () => {
    const { pull, ref, settings, commit } = await startHarness();
    const { dir } = await pull();
    await rm(join(of(settings.cacheDir), 'trees'), { recursive: true });
    expect(await findModel(ref, settings)).toBe(dir);
    for (const path of [
      SHARD,
      'vae/diffusion_pytorch_model.safetensors',
      'transformer/config.json',
      'model_index.json',
    ]) {
      const target = await readlink(join(dir, path));
      await rm(join(dir, path));
      expect(await findModel(ref, settings), path).toBeUndefined();
      await symlink(target, join(dir, path));
    }
    expect(await findModel(parseModelRef(`Qwen/Small@${commit}`), settings)).toBe(dir);
  });

  it('has a map of what its files should be, for whoever verifies them', async () => {
    const { pull, files } = await startHarness();
    const expected = await expectedFiles((await pull()).dir);
    expect(expected?.get(SHARD)).toEqual({ size: 60_000, sha256: lfsIdOf(files[SHARD] ?? Buffer.alloc(0)) });
    expect(expected?.get('vae/config.json')?.sha256).toBeNull();
  });
});

describe('offline', () => {
  it('returns what is whole, makes no request, and else says what to do', async () => {
    const { hub, pull, commit } = await startHarness();
    expect(await errorOf(pull({}, { offline: true }))).toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('HF_HUB_OFFLINE'),
    });
    expect(hub.requests).toEqual([]);
    const { dir } = await pull();
    const before = hub.requests.length;
    expect(await pull({}, { offline: true })).toMatchObject({ dir, commit, files: 12, downloaded: 0 });
    expect(hub.requests).toHaveLength(before);
  });
});

describe('some files of a model', () => {
  it('are chosen by patterns, and make no whole model until the others come', async () => {
    const { hub, pull, ref, settings, files } = await startHarness();
    const { dir, leftOut } = await pull({ include: ['*.json', 'vae/'] });
    expect(Object.keys(await contentOf(dir)).filter((path) => path.endsWith('.safetensors'))).toEqual([
      'vae/diffusion_pytorch_model.safetensors',
    ]);
    expect(leftOut).toContain(SHARD);
    expect(await findModel(ref, settings)).toBeUndefined();
    hub.requests.length;
    await pull();
    expect(await findModel(ref, settings)).toBe(dir);
    expect(await contentOf(dir)).toMatchObject(wholeContent(files));
  });

  it('of a newer commit do not hide the whole model of the last one', async () => {
    const { hub, pull, ref, settings } = await startHarness();
    const { dir } = await pull();
    hub.serve({ repo: 'Qwen/Small', files: smallModel({ seed: 'two' }) });
    await pull({ include: ['*.json'] });
    expect(await findModel(ref, settings)).toBe(dir);
  });

  it('of which none matches is bad usage', async () => {
    const { pull } = await startHarness();
    expect(await errorOf(pull({ include: ['*.xyz'] }))).toMatchObject({ code: 'usage' });
  });
});

describe('models on this machine', () => {
  it('are listed whole or with what is missing, also those that were interrupted', async () => {
    const { hub, pull, settings, commit } = await startHarness();
    const { dir, bytes } = await pull();
    const next = hub.serve({ repo: 'Qwen/Small', files: smallModel({ seed: 'two' }) });
    hub.fault(SHARD, { kind: 'drop', after: 33_000 });
    hub.always(SHARD, { kind: 'status', status: 500 });
    await errorOf(pull());
    const models = await listModels(settings);
    expect(models).toHaveLength(2);
    expect(models).toContainEqual({
      ...{ repo: 'Qwen/Small', revisions: ['main'], commit, dir, bytes, missing: [], downloading: false },
    });
    const unfinished = models.find((model) => model.commit === next);
    expect(unfinished).toMatchObject({ revisions: [], missing: expect.arrayContaining([SHARD]) });
    expect(unfinished?.bytes).toBeGreaterThan(33_000);
  });

  it('an empty or absent cache has none', async () => {
    const { settings } = await startHarness();
    expect(await listModels(settings)).toEqual([]);
  });

  it('a revision that is removed frees what no other commit uses, and leaves the others whole', async () => {
    const { hub, pull, ref, settings, commit } = await startHarness();
    const { dir } = await pull();
    // The same weights of the VAE, another transformer.
    const files = {
      ...smallModel({ seed: 'two' }),
      'vae/diffusion_pytorch_model.safetensors':
        smallModel()['vae/diffusion_pytorch_model.safetensors'] ?? Buffer.alloc(0),
    };
    hub.serve({ repo: 'Qwen/Small', files });
    const second = await pull();
    await writeFile(join(of(settings.cacheDir), 'refs/old'), commit);
    const { bytes } = await removeModel({ repo: ref.repo, revision: commit }, settings, { signal });
    expect(bytes).toBeGreaterThan(90_000);
    expect(bytes).toBeLessThan(110_000);
    await expect(lstat(dir)).rejects.toThrow('ENOENT');
    expect(await readdir(join(of(settings.cacheDir), 'refs'))).toEqual(['main']);
    expect(await contentOf(second.dir)).toEqual(wholeContent(files));
    expect(await findModel(ref, settings)).toBe(second.dir);
  });

  it('a model that is removed leaves nothing', async () => {
    const { pull, ref, settings } = await startHarness();
    const { bytes } = await pull();
    expect((await planRemoval(ref.repo, undefined, settings)).bytes).toBeGreaterThanOrEqual(bytes);
    await removeModel({ repo: ref.repo }, settings, { signal });
    expect(await contentOf(settings.cacheDir)).toEqual({});
    expect(await errorOf(removeModel({ repo: ref.repo }, settings, { signal }))).toMatchObject({
      code: 'model_not_found',
    });
  });

  it('a cache that was copied without links is whole all the same', async () => {
    const { pull, ref, settings, folder } = await startHarness();
    await pull();
    await cp(settings.cacheDir, join(folder, 'copy'), { recursive: true, dereference: true });
    await rm(join(folder, 'copy/models--Qwen--Small/blobs'), { recursive: true });
    const copy = { ...settings, cacheDir: join(folder, 'copy') };
    expect(await findModel(ref, copy)).toBeDefined();
    expect(await pull({}, copy)).toMatchObject({ downloaded: 0 });
    const { bytes } = await removeModel({ repo: ref.repo }, copy, { signal });
    expect(bytes).toBeGreaterThan(120_000);
  });
});
