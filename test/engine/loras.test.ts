import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type RunResult, runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { loadPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import type { LoraFile } from '../../packages/pipeline/src/types.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { loraTensors, writeTensors } from '../support/lora-files.ts';

/** LoRAs in the engine itself: branches, their switching, and their merging into prepared weights. */
const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-loras-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (): Promise<LoadedModel> =>
  loadModel(checkpointDir('tiny-c'), { threads: 1, pause: async () => undefined });
let model: LoadedModel;
let plain: RunResult;
beforeAll(async () => {
  model = await load();
  plain = await edit();
});
afterAll(() => model.release());

const PARAMETERS = { prompt: 'paint it', num_inference_steps: 3, true_cfg_scale: 2, width: 64, height: 64 };

function edit(loras: readonly LoraFile[] = [], on = model): Promise<RunResult> {
  const request = { images: [inputBytes('sq_72x72')], parameters: PARAMETERS, loras };
  return runEdit(on, request, { returnLatents: true });
}

const latentsOf = ({ latents }: RunResult): Float32Array => latents!.data;
const distance = (a: RunResult, b: RunResult): number => signalDecibels(latentsOf(a), latentsOf(b));

/** A LoRA of random numbers for layers whose names end in one of these words. */
function makeLora(name: string, ends: readonly string[], seed = 0, scale = 1): LoraFile {
  const layers = Object.fromEntries(
    [...model.transformer.targets].filter(([layer]) => ends.some((end) => layer.endsWith(end))),
  );
  const path = join(folder, `${name}.safetensors`);
  writeTensors(path, loraTensors(layers, { seed }));
  return { label: name, path, scale };
}

const ATTENTION = ['to_q', 'add_v_proj', 'to_out.0', 'net.2'];

describe('branches', () => {
  it('a LoRA changes the picture, and the next edit without it is bit-equal to the model alone', async () => {
    const lora = makeLora('attention', ATTENTION);
    expect(distance(await edit([lora]), plain)).toBeLessThan(30);
    expect(latentsOf(await edit())).toEqual(latentsOf(plain));
  });

  it('an edit with a LoRA is the same whatever was edited before', async () => {
    const [a, b] = [makeLora('a', ATTENTION, 1), makeLora('b', ['to_k', 'img_mlp.net.0.proj'], 2)];
    const first = latentsOf(await edit([a]));
    await edit([b]);
    expect(latentsOf(await edit([a]))).toEqual(first);
  });

  it('a file that was replaced under the same name is read anew', async () => {
    const before = await edit([makeLora('replaced', ATTENTION, 3)]);
    const after = await edit([makeLora('replaced', ATTENTION, 4)]);
    expect(distance(before, after)).toBeLessThan(40);
    expect(before.receipt.loras[0]!.sha256).not.toBe(after.receipt.loras[0]!.sha256);
  });

  it('every layer of the transformer can have a branch, those of modulations and of the ends too', async () => {
    for (const layer of model.transformer.targets.keys()) {
      if (/blocks\.[1-9]/.test(layer)) continue;
      const changed = await edit([makeLora('single', [layer], 5)]);
      expect([layer, distance(changed, plain) < 100]).toEqual([layer, true]);
    }
    expect(latentsOf(await edit())).toEqual(latentsOf(plain));
  });

  it('two halves of a LoRA side by side are the whole one, and a LoRA twice is one of twice the scale', async () => {
    const one = makeLora('halved', ATTENTION, 6, 1);
    const half = { ...one, scale: 0.5 };
    expect(distance(await edit([half, half]), await edit([one]))).toBeGreaterThan(80);
    expect(distance(await edit([one, one]), await edit([{ ...one, scale: 2 }]))).toBeGreaterThan(80);
  });

  it('the receipt names label, file, digest and scale, in order', async () => {
    const [a, b] = [makeLora('first', ATTENTION, 7, 0.5), makeLora('second', ['to_k'], 8, -1)];
    const { receipt } = await edit([a, b]);
    expect(receipt.loras).toEqual([
      {
        label: 'first',
        file: 'first.safetensors',
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        scale: 0.5,
        merged: false,
      },
      {
        label: 'second',
        file: 'second.safetensors',
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        scale: -1,
        merged: false,
      },
    ]);
    expect(plain.receipt.loras).toEqual([]);
  });
});

describe('on a device whose graphs are expensive to load', () => {
  it('graphs keep their inputs: a zero branch is bit-equal to the model alone, and nothing is loaded for a switch', async () => {
    const { device } = model;
    const card = { ...device, ownMemory: true };
    const on = await loadModel(checkpointDir('tiny-c'), { device: card, threads: 1, pause: async () => undefined });
    onTestFinished(() => on.release());
    const [a, b] = [makeLora('card a', ATTENTION, 9), makeLora('card b', ['to_k', 'proj_out', 'img_mod.1'], 10)];
    await edit([b], on);
    const sessions = on.transformer.chain;
    let released = 0;
    const release = sessions.release;
    Object.assign(sessions, {
      release: async () => {
        released++;
        await release();
      },
    });
    const withA = await edit([a], on);
    expect(latentsOf(await edit([], on))).toEqual(latentsOf(plain));
    expect(released).toBe(0);
    expect(distance(withA, await edit([a]))).toBeGreaterThan(100);
  });
});

describe('LoRAs of every edit', () => {
  const fixed = async (precision: string, loras: readonly LoraFile[]): Promise<LoadedModel> => {
    const weightCacheDir = join(folder, 'prepared');
    const on = await loadPreparedModel(checkpointDir('tiny-c'), {
      precision,
      threads: 1,
      weightCacheDir,
      loras,
      pause: async () => undefined,
    });
    onTestFinished(() => on.release());
    return on;
  };

  it('are there without being asked for, before those of a request', async () => {
    const [a, b] = [makeLora('fixed', ATTENTION, 11), makeLora('asked', ['to_k'], 12)];
    const on = await fixed('fp32', [a]);
    expect(latentsOf(await edit([], on))).toEqual(latentsOf(await edit([a])));
    const both = await edit([b], on);
    expect(latentsOf(both)).toEqual(latentsOf(await edit([a, b])));
    expect(both.receipt.loras.map(({ label, merged }) => [label, merged])).toEqual([
      ['fixed', false],
      ['asked', false],
    ]);
  });

  it('are merged into prepared weights, which are then others, and the picture is that of the branch', async () => {
    const lora = makeLora('merged', [...ATTENTION, 'img_mod.1', 'proj_out'], 13);
    const [base, merged] = [await fixed('w8', []), await fixed('w8', [lora])];
    const asked = await edit([lora], base);
    const whole = await edit([], merged);
    expect(whole.receipt.loras).toEqual([expect.objectContaining({ label: 'merged', merged: true })]);
    expect(distance(whole, await edit([], base))).toBeLessThan(30);
    expect(distance(whole, asked)).toBeGreaterThan(30);
    expect(latentsOf(await edit([], await fixed('w8', [])))).toEqual(latentsOf(await edit([], base)));
    const stronger = await edit([], await fixed('w8', [{ ...lora, scale: 1.5 }]));
    expect(distance(whole, stronger)).toBeLessThan(60);
  });

  it.each(['w8', 'w8a8'])(
    'over weights that are prepared in %s, an edit without a LoRA after one with it has the same bytes',
    async (precision) => {
      const on = await fixed(precision, []);
      const before = latentsOf(await edit([], on));
      expect(latentsOf(await edit([makeLora('passing', ATTENTION, 15)], on))).not.toEqual(before);
      expect(latentsOf(await edit([], on))).toEqual(before);
    },
  );

  it('the plan counts LoRAs that are in use or kept, and of merged ones what is beside the weights', async () => {
    const lora = makeLora('counted', ['to_q', 'proj_out'], 16);
    const bytesOf = (names: readonly string[]): number =>
      [...model.transformer.targets]
        .filter(([name]) => names.some((end) => name.endsWith(end)))
        .reduce((sum, [, [n, k]]) => sum + 4 * 3 * (n + k), 0);
    const [beside, merged] = [await fixed('fp32', [lora]), await fixed('w8', [lora])];
    expect(beside.loraBytes()).toBe(bytesOf(['to_q', 'proj_out']));
    expect(merged.loraBytes()).toBe(bytesOf(['proj_out']));
    const on = await fixed('w8', []);
    expect(on.loraBytes()).toBe(0);
    await edit([lora], on);
    await edit([], on);
    expect(on.loraBytes()).toBe(bytesOf(['to_q', 'proj_out']));
  });

  it('a result of few steps over weights in 4 bits warns, with a LoRA only', async () => {
    const on = await fixed('w4', []);
    const warned = async (loras: readonly LoraFile[]) =>
      (await edit(loras, on)).warnings.filter((each) => each.includes('4 bits'));
    expect(await warned([])).toEqual([]);
    expect(await warned([makeLora('few bits', ATTENTION, 14)])).toEqual([
      expect.stringContaining('3 steps with a LoRA'),
    ]);
  });
});
