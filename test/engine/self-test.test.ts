import { copyFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { createPipeline, runSelfTest } from '../../packages/pipeline/src/index.ts';
import { gemmLinear, type LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import { GOLDEN_NAMES } from '../../packages/pipeline/src/self-test/golden-edit.ts';
import { runGoldenEdit, type SelfTestPart } from '../../packages/pipeline/src/self-test/run-golden-edit.ts';
import { changeSafetensors, copyOf } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { isThere, request } from './edits.ts';

const demo = checkpointDir('demo');
const GOLDEN = 'self_test/golden.safetensors';

/** The golden edit with kernels of our own; `linear` builds the linear layers. */
async function selfTestWith(linear: LinearForm, { threads = 1 }: { threads?: number } = {}): Promise<SelfTestPart> {
  const precision = { name: 'fp32', linear } as const;
  const model = await loadModel(demo, { precision, threads, pause: async () => undefined });
  return runGoldenEdit(model, demo).finally(model.release);
}

/** One layer whose results are a hundredth too large. */
const scaled =
  (layer: string): LinearForm =>
  (g, x, each) => {
    const y = gemmLinear(g, x, each);
    return each.name === layer ? g.op('Mul', [y, g.floats([1.01], [1])]) : y;
  };

/** Attention of the transformer that is right for the first 16 tokens only, as some providers have had it. */
const wrongAbove16Tokens: LinearForm = (g, x, each) => {
  if (!each.name.endsWith('.attn.to_out.0')) return gemmLinear(g, x, each);
  const first = g.op('Slice', [x, g.ints([0]), g.ints([16]), g.ints([0])]);
  const rest = g.op('Slice', [x, g.ints([16]), g.ints([2 ** 40]), g.ints([0])]);
  const wrong = g.op('Concat', [first, g.op('Mul', [rest, g.floats([0.5], [1])])], { axis: 0 });
  return gemmLinear(g, wrong, each);
};

describe('the golden edit passes where kernels are right', () => {
  it.each([1, 2])('with %d threads', async (threads) => {
    const result = await selfTestWith(gemmLinear, { threads });
    expect(result.reason).toBeUndefined();
    expect(result.figures.map(({ name }) => name)).toEqual([...GOLDEN_NAMES, 'picture']);
    for (const { ok, decibels, cosine } of result.figures) {
      expect(ok).toBe(true);
      expect(decibels).toBeGreaterThan(80);
      expect(cosine).toBeGreaterThan(0.999_999);
    }
  });

  it('by products that are built in another way', async () => {
    const product: LinearForm = (g, x, { name, n, k, bias, stored }) => {
      const weight = g.op('Transpose', [g.weight(`${name}.weight`, stored, { as: [n, k] })], { perm: [1, 0] });
      const y = g.op('MatMul', [x, weight]);
      return bias ? g.op('Add', [y, g.weight(`${name}.bias`, [n])]) : y;
    };
    expect((await selfTestWith(product)).reason).toBeUndefined();
  });
});

describe('a wrong kernel fails the golden edit, which names the network', () => {
  it.each([
    ['visual.blocks.1.attn.qkv', 'the vision tower of the text encoder (image_embeds)'],
    ['model.layers.1.self_attn.o_proj', 'the text encoder (prompt_embeds)'],
    ['transformer_blocks.4.img_mlp.net.2', 'the transformer (noise_pred)'],
    ['proj_out', 'the transformer (noise_pred)'],
  ])('%s, scaled by 1.01', async (layer, network) => {
    const { figures, reason } = await selfTestWith(scaled(layer));
    expect(network).toContain(figures.find(({ ok }) => !ok)?.name);
    expect(reason).toContain(`On cpu in fp32 ${network} comes to `);
    expect(reason).toContain('80 dB are needed');
  });

  it('attention that is wrong above 16 tokens', async () => {
    const { reason } = await selfTestWith(wrongAbove16Tokens);
    expect(reason).toMatch(/the transformer \(noise_pred\) comes to \d{1,2}\.\d dB/);
  });

  it('numbers that are no picture', async () => {
    const broken: LinearForm = (g, x, each) => {
      const y = gemmLinear(g, x, each);
      return each.name === 'proj_out' ? g.op('Div', [y, g.floats([0], [1])]) : y;
    };
    const { figures, reason } = await selfTestWith(broken);
    expect(reason).toContain('NaN or infinity');
    // What came before is told all the same.
    expect(figures.find(({ name }) => name === 'image_latents')).toMatchObject({ ok: true });
    expect(figures.at(-1)).toMatchObject({ name: 'picture', decibels: 0, ok: false });
  });
});

describe('an engine that drifts serves nobody', () => {
  it('neither with the golden of another edit', async () => {
    const dir = await copyOf('demo');
    await changeSafetensors(join(dir, GOLDEN), (header, data) => {
      const [start, end] = header.noise_pred!.data_offsets;
      data.reverse().copyWithin(0, start, end);
      return undefined;
    });
    const result = await runSelfTest({ dir, threads: 1 });
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining('dB of the golden edit') });
    const modelDir = checkpointDir('tiny-c');
    await expectRefusal(createPipeline({ modelDir, selfTestDir: dir, threads: 1 }), 'device_drift', 'On cpu in fp32');
  });

  it('nor with another picture, and then the VAE decoder is named', async () => {
    const dir = await copyOf('demo');
    await copyFile(join(dir, 'self_test/picture.png'), join(dir, 'self_test/golden.png'));
    const { ok, reason, psnr, bound } = await runSelfTest({ dir, threads: 1 });
    expect({ ok, bound }).toEqual({ ok: false, bound: 60 });
    expect(reason).toContain('the VAE decoder (picture)');
    expect(psnr).toBeLessThan(bound);
  });

  it('nor later: the engine ends, encodings are forgotten, and the next one has to pass too', async () => {
    const dir = await copyOf('demo');
    const golden = join(dir, 'self_test/golden.png');
    const folder = join(dir, 'encodings');
    const encoding = 'a'.repeat(64);
    await mkdir(folder);
    await writeFile(join(folder, encoding), 'kept');
    const encodingCache = { folder, maxBytes: 1e6 };
    const pipeline = await createPipeline({ modelDir: dir, selfTestDir: dir, threads: 1, encodingCache });
    try {
      expect(pipeline.lastSelfTest).toMatchObject({ ok: true });
      const pid = pipeline.enginePid ?? 0;
      await expect(pipeline.selfTest()).resolves.toMatchObject({ ok: true });
      expect(pipeline.enginePid).toBe(pid);
      // The model that is loaded is the small one itself: it is not loaded again, so nobody misses its file.
      const config = join(dir, 'transformer/config.json');
      await rename(config, `${config}.away`);
      await expect(pipeline.selfTest()).resolves.toMatchObject({ ok: true });
      await rename(`${config}.away`, config);

      await copyFile(join(dir, 'self_test/picture.png'), golden);
      expect(await readdir(folder)).toEqual([encoding]);
      await expectRefusal(pipeline.selfTest(), 'device_drift');
      expect(await readdir(folder)).toEqual([]);
      expect(isThere(pid)).toBe(false);
      await expectRefusal(pipeline.edit(request(2)), 'device_drift');
      await copyFile(join(demo, 'self_test/golden.png'), golden);
      expect((await pipeline.edit(request(2))).outputs).toHaveLength(1);
    } finally {
      await pipeline.close();
    }
  });

  it('and one that passes edits as one without a self-test', async () => {
    const modelDir = checkpointDir('tiny-c');
    const pictureOf = async (selfTestDir?: string): Promise<Uint8Array | undefined> => {
      const pipeline = await createPipeline({ modelDir, selfTestDir, threads: 1 });
      const images = [inputBytes('sq_72x72')];
      const { outputs } = await pipeline.edit({ ...request(2), images }).finally(() => pipeline.close());
      return outputs[0]?.bytes;
    };
    expect(await pictureOf(demo)).toEqual(await pictureOf());
  });
});
