import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createResolveLora, findPulledLora, listModels, planRemoval, pullModel, removeModel } from '@qwen-edit/hub';
import { describe, expect, it } from 'vitest';
import { errorOf, type HubHarness, QUICK, startHarness } from './harness.ts';
import { loraBytes, modelBytes } from './lora-files.ts';

const signal = AbortSignal.timeout(600_000);
const BIG = 4_000_000;

/** A hub with two LoRAs, a whole model in one file, and what else such repositories have. */
const FILES = {
  '.gitattributes': Buffer.from('*.safetensors filter=lfs\n'),
  'README.md': Buffer.from('# Some LoRAs\n'),
  'four.safetensors': loraBytes(),
  'more/eight.safetensors': loraBytes(32),
  'merged.safetensors': modelBytes(BIG / 4),
  'preview.png': Buffer.alloc(20_000, 3),
};
const start = (files: Readonly<Record<string, Uint8Array>> = FILES): Promise<HubHarness> =>
  startHarness({}, { repo: 'owner/loras', files });

describe('a repository of LoRAs', () => {
  it('gives its LoRAs, and neither the whole models that it has too nor its pictures', async () => {
    const { pull, hub, commit } = await start();
    const pulled = await pull();
    expect(pulled).toMatchObject({
      ...{ loras: ['four.safetensors', 'more/eight.safetensors'], files: 2, verified: 2, leftOut: [], commit },
      bytes: FILES['four.safetensors'].length + FILES['more/eight.safetensors'].length,
    });
    expect((await readdir(pulled.dir, { recursive: true })).sort()).toEqual([
      'four.safetensors',
      'more',
      'more/eight.safetensors',
    ]);
    // Of the model the header was asked for.
    expect(hub.requests.filter(({ url }) => url.includes('merged.safetensors'))).toHaveLength(1);
  });

  it('gives one file of it, and later another, and what is there is asked for no more', async () => {
    const { pull, hub, settings } = await start();
    expect(await pull({ file: 'four.safetensors' })).toMatchObject({ loras: ['four.safetensors'], files: 1 });
    expect(await pull({ file: 'more/eight.safetensors' })).toMatchObject({ loras: ['more/eight.safetensors'] });
    const before = hub.requests.length;
    expect(await pull({ file: 'four.safetensors' })).toMatchObject({ verified: 0, downloaded: 0 });
    expect(hub.requests.slice(before).map(({ url }) => url)).toEqual([expect.stringContaining('/revision/main')]);
    for (const file of ['four.safetensors', 'more/eight.safetensors'])
      expect(await findPulledLora({ repo: 'owner/loras', file }, settings)).toMatch(file);
  });

  it('goes to the cache, whatever folder the model has', async () => {
    const { pull, folder, settings } = await start();
    const { dir } = await pull({ localDir: join(folder, 'model') });
    expect(dir.startsWith(settings.cacheDir)).toBe(true);
    expect(await findPulledLora({ repo: 'owner/loras', file: 'four.safetensors' }, settings)).toBe(
      join(dir, 'four.safetensors'),
    );
  });

  it('is listed with its LoRAs, and removed as a model is', async () => {
    const { pull, settings, commit } = await start();
    await pull({ file: 'four.safetensors' });
    expect(await listModels(settings)).toEqual([
      expect.objectContaining({ repo: 'owner/loras', commit, loras: ['four.safetensors'], missing: [] }),
    ]);
    expect((await planRemoval('owner/loras', undefined, settings)).bytes).toBeGreaterThan(0);
    await removeModel({ repo: 'owner/loras' }, settings, { signal });
    expect(await listModels(settings)).toEqual([]);
  });

  it('that is whole is used without the hub; a file that is not there says so', async () => {
    const { pull } = await start();
    await pull({ file: 'four.safetensors' });
    const offline = { offline: true };
    expect(await pull({ file: 'four.safetensors' }, offline)).toMatchObject({ loras: ['four.safetensors'] });
    expect(await errorOf(pull({ file: 'more/eight.safetensors' }, offline))).toMatchObject({
      code: 'model_not_found',
      message: expect.stringContaining('more/eight.safetensors of owner/loras'),
    });
  });

  it('is downloaded through a network that breaks', async () => {
    const { pull, hub } = await start();
    hub.fault('four.safetensors', { kind: 'drop', after: 5 }, { kind: 'drop', after: 100 });
    expect(await pull({ file: 'four.safetensors' })).toMatchObject({ verified: 1 });
  });
});

describe('what is neither a model nor a LoRA is refused, and leaves nothing', () => {
  it.each<[string, Record<string, Uint8Array>, string]>([
    ['a repository without weights', { 'README.md': Buffer.from('#\n') }, 'no .safetensors file'],
    ['a model in one file', { 'model.safetensors': modelBytes() }, 'none of its .safetensors files is a LoRA'],
    ['bytes that are no safetensors', { 'x.safetensors': Buffer.alloc(3000, 255) }, 'none of its .safetensors files'],
    [
      'a file that is too short for a header',
      { 'x.safetensors': Buffer.from('abc') },
      'none of its .safetensors files',
    ],
  ])('%s', async (_, files, words) => {
    const { pull, settings } = await start(files);
    expect(await errorOf(pull())).toMatchObject({
      code: 'model_unsupported',
      message: expect.stringContaining(words),
    });
    expect(await listModels(settings)).toEqual([]);
  });

  it('a file that the repository has not, with those that it has', async () => {
    const { pull } = await start();
    expect(await errorOf(pull({ file: 'fore.safetensors' }))).toMatchObject({
      code: 'lora_not_found',
      hint: expect.stringContaining('four.safetensors, more/eight.safetensors'),
    });
  });

  it('a file that is no LoRA', async () => {
    const { pull } = await start();
    expect(await errorOf(pull({ file: 'merged.safetensors' }))).toMatchObject({ code: 'lora_invalid' });
  });

  it('a file of a model', async () => {
    const { pull } = await startHarness();
    const file = 'vae/diffusion_pytorch_model.safetensors';
    expect(await errorOf(pull({ file }))).toMatchObject({ code: 'usage' });
  });

  it('a LoRA in the place of a model', async () => {
    const { pull } = await start();
    expect(await errorOf(pull({ modelOnly: true }))).toMatchObject({ code: 'model_unsupported' });
  });
});

describe('a pulled LoRA is found', () => {
  it('without its file if it is the only one; of several one has to be named', async () => {
    const { pull, settings } = await start();
    await pull({ file: 'four.safetensors' });
    expect(await findPulledLora({ repo: 'owner/loras' }, settings)).toMatch(/four\.safetensors$/);
    await pull();
    expect(await errorOf(findPulledLora({ repo: 'owner/loras' }, settings))).toMatchObject({
      code: 'lora_not_found',
      message: expect.stringContaining('four.safetensors, more/eight.safetensors'),
      hint: expect.stringContaining('owner/loras:four.safetensors'),
    });
  });

  it('after its branch has moved on, until the new commit has it too', async () => {
    const { pull, hub, settings } = await start();
    const { dir: old } = await pull({ file: 'four.safetensors' });
    hub.serve({ repo: 'owner/loras', files: { ...FILES, 'four.safetensors': loraBytes(64) } });
    const { dir: fresh } = await pull({ file: 'more/eight.safetensors' });
    const find = () => findPulledLora({ repo: 'owner/loras', file: 'four.safetensors' }, settings);
    expect(await find()).toBe(join(old, 'four.safetensors'));
    await pull({ file: 'four.safetensors' });
    expect(await find()).toBe(join(fresh, 'four.safetensors'));
  });

  it('and one that is not says how to pull it', async () => {
    const { settings } = await start();
    const resolve = createResolveLora({ named: new Map(), repos: [{ repo: 'owner/loras' }], dirs: [] }, settings);
    const error = await errorOf(resolve({ repo: 'owner/loras', file: 'four.safetensors', scale: 1 }));
    expect(error).toMatchObject({
      code: 'lora_not_found',
      hint: expect.stringContaining('`qwen-edit model pull owner/loras:four.safetensors`'),
    });
  });
});

it('a pull that is stopped while it reads headers is canceled', async () => {
  const { ref, settings, hub } = await start();
  hub.always('four.safetensors', { kind: 'stall', after: 4 });
  const stop = new AbortController();
  const pulling = pullModel(ref, settings, {
    signal: stop.signal,
    timing: QUICK,
    onProgress: () => setImmediate(() => stop.abort()),
  });
  expect(await errorOf(pulling)).toMatchObject({ code: 'canceled' });
});
