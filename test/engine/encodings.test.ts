import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../packages/contract/src/index.ts';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { createEncodingCache, type EncodingCache } from '../../packages/pipeline/src/encodings/encoding-cache.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import type { EditRequest, Preview, StepEvent } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { pictures, pipelineFor, request } from './edits.ts';

/** How often each network that encodes has run. */
type Runs = Record<'image' | 'prompt' | 'vae', number>;
const NONE: Runs = { image: 0, prompt: 0, vae: 0 };

const cat = readFileSync(join(import.meta.dirname, '../../scripts/demo/photos/cat.jpg'));
const DEMO: EditRequest = {
  images: [cat],
  parameters: { prompt: 'grayscale', num_inference_steps: 2, width: 64, height: 64, reference_size: 'output' },
};
const GUIDED = request(1, { true_cfg_scale: 3 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
});
afterEach(() => rm(folder, { recursive: true }));
const cacheIn = (place: string): EncodingCache => createEncodingCache({ folder: place, maxBytes: 1e8 });

/** The model, with a count of what runs. */
function counting(model: LoadedModel): { readonly model: LoadedModel; readonly runs: Runs } {
  const runs = { ...NONE };
  const { textEncoder, vae } = model;
  const counted = {
    ...model,
    textEncoder: {
      ...textEncoder,
      encodeImage: (...given: Parameters<typeof textEncoder.encodeImage>) => {
        runs.image++;
        return textEncoder.encodeImage(...given);
      },
      encodePrompt: (...given: Parameters<typeof textEncoder.encodePrompt>) => {
        runs.prompt++;
        return textEncoder.encodePrompt(...given);
      },
    },
    vae: {
      ...vae,
      encode: (...given: Parameters<typeof vae.encode>) => {
        runs.vae++;
        return vae.encode(...given);
      },
    },
  };
  return { model: counted, runs };
}

/** An edit of this owner with the cache of this test. What ran for it, its steps, and its pictures. */
async function edit(loaded: LoadedModel, wish: EditRequest, scope: string | undefined = 'owner', previewEvery = 0) {
  const { model, runs } = counting(loaded);
  const steps: StepEvent[] = [];
  const previews: Preview[] = [];
  const result = await runEdit(model, wish, {
    onStep: (event) => steps.push(event),
    previewEvery,
    onPreview: (preview) => previews.push(preview),
    encodings: { cache: cacheIn(folder), scope },
  });
  return { runs, steps, previews, bytes: result.outputs.map(({ bytes }) => bytes) };
}

describe('of the demo model', () => {
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(checkpointDir('demo'), { threads: 1, pause: async () => undefined });
  });
  afterAll(() => model.release());

  it('a second edit runs neither text encoder nor VAE encoder, and gives the same picture, steps and previews', async () => {
    const without = await runEdit(model, DEMO);
    const first = await edit(model, DEMO, 'owner', 1);
    expect(first.runs).toEqual({ image: 1, prompt: 1, vae: 1 });
    expect(first.bytes).toEqual(without.outputs.map(({ bytes }) => bytes));
    const second = await edit(model, DEMO, 'owner', 1);
    expect(second).toEqual({ ...first, runs: NONE });
    expect(second.previews).toHaveLength(2);
    const seed = { ...DEMO, parameters: { ...DEMO.parameters, seed: '7' } };
    expect((await edit(model, seed)).runs).toEqual(NONE);
  });
});

describe('what is encoded again', () => {
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(checkpointDir('tiny-c'), { threads: 1, pause: async () => undefined });
  });
  afterAll(() => model.release());

  it('another prompt: the prompt alone; another picture: what saw it; other sizes: what depends on them', async () => {
    const { images } = GUIDED;
    const runsOf = async (wish: EditRequest): Promise<Runs> => (await edit(model, wish)).runs;
    expect(await runsOf(GUIDED)).toEqual({ image: 1, prompt: 2, vae: 1 });
    expect(await runsOf(request(1, { true_cfg_scale: 1 }))).toEqual(NONE);
    expect(await runsOf(request(1, { true_cfg_scale: 3, prompt: 'another' }))).toEqual({ ...NONE, prompt: 1 });
    const two = { ...GUIDED, images: [...images, inputBytes('odd_97x61')] };
    expect(await runsOf(two)).toEqual({ image: 1, prompt: 2, vae: 1 });
    expect(await runsOf({ ...two, images: two.images.toReversed() })).toEqual({ ...NONE, prompt: 2 });
    expect(await runsOf(request(1, { true_cfg_scale: 3, reference_size: 'output' }))).toEqual({ ...NONE, vae: 1 });
  });

  it('for another owner, another model or another precision: all of it', async () => {
    const all: Runs = { image: 1, prompt: 2, vae: 1 };
    const first = await edit(model, GUIDED);
    const other = { ...model, folder: { ...model.folder, digest: 'sha256:other' } };
    const precise = { ...model, precision: { ...model.precision, name: 'w8a8' as const } };
    expect((await edit(model, GUIDED, 'another owner')).runs).toEqual(all);
    expect((await edit(other, GUIDED)).runs).toEqual(all);
    expect((await edit(precise, GUIDED)).runs).toEqual(all);
    expect(await edit(model, GUIDED)).toEqual({ ...first, runs: NONE });
  });

  it('what is damaged on the disk, which is replaced', async () => {
    const first = await edit(model, GUIDED);
    const names = await readdir(folder);
    expect(names).toHaveLength(4);
    for (const name of names) {
      const bytes = readFileSync(join(folder, name));
      await writeFile(join(folder, name), bytes.fill(0x55, bytes.length - 8));
    }
    expect(await edit(model, GUIDED)).toEqual(first);
    expect(await edit(model, GUIDED)).toEqual({ ...first, runs: NONE });
  });

  it('what came out as NaN', async () => {
    const wrong: LoadedModel = {
      ...model,
      vae: {
        ...model.vae,
        encode: async (pixels) => {
          const made = await model.vae.encode(pixels);
          return { ...made, data: made.data.fill(Number.NaN, 3, 4) };
        },
      },
    };
    await expectRefusal(edit(wrong, GUIDED), 'result_invalid', 'encoding a picture');
    expect((await edit(model, GUIDED)).runs).toEqual({ ...NONE, vae: 1 });
  });

  it('a cancel is heard between encodings that are all in the cache', async () => {
    await edit(model, GUIDED);
    const steps: number[] = [];
    const pausing: LoadedModel = {
      ...model,
      pause: async () => {
        if (steps.length > 2) throw new RangeError('cancelled');
      },
    };
    const { model: counted, runs } = counting(pausing);
    const encodings = { cache: cacheIn(folder), scope: 'owner' };
    const canceled = runEdit(counted, GUIDED, { encodings, onStep: ({ step }) => steps.push(step) });
    await expect(canceled).rejects.toThrow('cancelled');
    expect({ steps, runs }).toEqual({ steps: [0, 1, 2, 3], runs: NONE });
  });
});

describe('through engines', () => {
  const edits = { folder: '', maxBytes: 1e8 };
  const cached = { ...GUIDED, cacheScope: 'owner' };

  it('two at once share a folder, and an edit without an owner leaves nothing there', async () => {
    const troubles: AppError[] = [];
    const options = { encodingCache: { ...edits, folder }, onTrouble: (error: AppError) => troubles.push(error) };
    const [one, two] = await Promise.all([pipelineFor(options), pipelineFor(options)]);
    const plain = await one.edit(GUIDED);
    expect(await readdir(folder)).toEqual([]);
    const results = await Promise.all([one, two, one, two].map((each) => each.edit(cached)));
    for (const result of results) expect(pictures(result)).toEqual(pictures(plain));
    expect(await readdir(folder)).toHaveLength(4);
    expect(troubles).toEqual([]);
  });

  it('a folder that cannot be used is told once, and no edit fails for it', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const troubles: AppError[] = [];
    const pipeline = await pipelineFor({
      encodingCache: { ...edits, folder: join(file, 'encodings') },
      onTrouble: (error) => troubles.push(error),
    });
    for (let i = 0; i < 2; i++) expect((await pipeline.edit(cached)).outputs).toHaveLength(1);
    expect(troubles).toMatchObject([{ code: 'output_unwritable', message: expect.stringContaining(file) }]);
  });

  it('places and owners that make no sense are refused', async () => {
    const wrong = (place: object) => pipelineFor({ encodingCache: { ...edits, folder, ...place } });
    await expectRefusal(wrong({ folder: '' }), 'invalid_parameter', 'encodingCache.folder');
    await expectRefusal(wrong({ maxBytes: -1 }), 'invalid_parameter', 'encodingCache.maxBytes');
    await expectRefusal(wrong({ maxAgeMs: 0.5 }), 'invalid_parameter', 'encodingCache.maxAgeMs');
    const pipeline = await pipelineFor();
    await expectRefusal(pipeline.edit({ ...GUIDED, cacheScope: '' }), 'invalid_parameter', 'cacheScope');
    expect((await pipeline.edit(cached)).outputs).toHaveLength(1);
  });
});

/** A file system of 64 KiB, if this process may mount one. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const disk = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0 ? [disk] : [];
}
const DISKS = smallDisk();
afterAll(async () => {
  for (const disk of DISKS) {
    spawnSync('umount', [disk]);
    await rm(disk, { recursive: true });
  }
});

it.each(DISKS)(
  'a disk that is full (%s) is told once, leaves no file half-written, and a later edit keeps what fits',
  async (disk) => {
    const troubles: AppError[] = [];
    const cache = createEncodingCache({ folder: disk, maxBytes: 1e8, onTrouble: (error) => troubles.push(error) });
    const [large, small] = ['a'.repeat(64), 'b'.repeat(64)];
    const array = { data: new Float32Array(25_000), dims: [25_000] };
    for (let i = 0; i < 2; i++) await cache.put(large, array);
    expect(await cache.get(large)).toBeUndefined();
    expect(await readdir(disk)).toEqual([]);
    expect(troubles).toMatchObject([{ code: 'disk_full', message: expect.stringContaining('ENOSPC') }]);
    await cache.put(small, { data: Float32Array.of(1), dims: [1] });
    expect((await cache.get(small))?.data).toEqual(Float32Array.of(1));
  },
);
