import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { type Lora, readLora } from '../../packages/pipeline/src/lora/read-lora.ts';
import { loraTensors, type NewTensor, noise, writeTensors } from '../support/lora-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-lora-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LAYER = 'transformer_blocks.0.attn.to_q';
const TARGETS = new Map([
  [LAYER, [4, 6]],
  ['transformer_blocks.0.attn.to_out.0', [4, 4]],
  ['transformer_blocks.1.img_mlp.net.0.proj', [16, 4]],
  ['proj_out', [2, 4]],
] as const);

type Tensors = Record<string, NewTensor>;
const path = join(folder, 'some.safetensors');

function read(tensors: Tensors, metadata?: Record<string, string>): Promise<Lora> {
  writeTensors(path, tensors, metadata);
  return readLora({ label: 'some', path }, TARGETS);
}

async function refusal(work: Promise<unknown>): Promise<readonly [string, string]> {
  const thrown = await work.catch((error: unknown) => error);
  if (!(thrown instanceof AppError)) throw new Error('It was not refused.');
  expect(thrown.hint).not.toMatch(/--model|QWEN_EDIT_2511_DIR|model verify|Delete this file/);
  return [thrown.code, thrown.message];
}

const down = { shape: [2, 6], data: noise(12, 1) };
const up = { shape: [4, 2], data: noise(8, 2) };
const one = (value: number): NewTensor => ({ shape: [], data: Float32Array.of(value) });

describe('layouts', () => {
  const flat = LAYER.replaceAll('.', '_');
  it.each<[string, Tensors, number]>([
    ['diffusers', { [`transformer.${LAYER}.lora_A.weight`]: down, [`transformer.${LAYER}.lora_B.weight`]: up }, 1],
    [
      'bare, with alpha',
      { [`${LAYER}.lora_down.weight`]: down, [`${LAYER}.lora_up.weight`]: up, [`${LAYER}.alpha`]: one(8) },
      4,
    ],
    [
      'diffusion_model',
      { [`diffusion_model.${LAYER}.lora_A.weight`]: down, [`diffusion_model.${LAYER}.lora_B.weight`]: up },
      1,
    ],
    [
      'kohya',
      {
        [`lora_unet_${flat}.lora_down.weight`]: down,
        [`lora_unet_${flat}.lora_up.weight`]: up,
        [`lora_unet_${flat}.alpha`]: one(1),
      },
      0.5,
    ],
    ['the name of an adapter', { [`${LAYER}.lora_A.default.weight`]: down, [`${LAYER}.lora_B.default.weight`]: up }, 1],
    ['peft', { [`base_model.model.${LAYER}.lora_A.weight`]: down, [`base_model.model.${LAYER}.lora_B.weight`]: up }, 1],
  ])('%s is read', async (_name, tensors, factor) => {
    const { layers } = await read(tensors);
    expect([...layers.keys()]).toEqual([LAYER]);
    expect(layers.get(LAYER)).toEqual({ rank: 2, factor, down: down.data, up: up.data });
  });

  it('names with _ of their own are found in the layout that has _ for dots', async () => {
    const layers = {
      transformer_blocks_0_attn_to_out_0: [4, 4],
      transformer_blocks_1_img_mlp_net_0_proj: [16, 4],
      proj_out: [2, 4],
    } as const;
    const tensors: Tensors = {};
    for (const [name, [n, k]] of Object.entries(layers)) {
      tensors[`lora_unet_${name}.lora_down.weight`] = { shape: [1, k], data: noise(k, 3) };
      tensors[`lora_unet_${name}.lora_up.weight`] = { shape: [n, 1], data: noise(n, 4) };
    }
    const found = [...(await read(tensors)).layers.keys()];
    expect(found).toEqual([
      'transformer_blocks.0.attn.to_out.0',
      'transformer_blocks.1.img_mlp.net.0.proj',
      'proj_out',
    ]);
  });

  it('the alpha that diffusers and peft note in the metadata counts where the file has none', async () => {
    const metadata = (config: object) => ({ lora_adapter_metadata: JSON.stringify(config) });
    const factor = async (config: object) => {
      const { layers } = await read(loraTensors({ [LAYER]: [4, 6] }, { rank: 4 }), metadata(config));
      return layers.get(LAYER)?.factor;
    };
    expect(await factor({ 'transformer.r': 4, 'transformer.lora_alpha': 8 })).toBe(2);
    expect(await factor({ 'transformer.lora_alpha': 8, 'transformer.use_rslora': true })).toBe(4);
    expect(await factor({ 'transformer.lora_alpha': 8, 'transformer.alpha_pattern': { 'attn.to_q': 2 } })).toBe(0.5);
    expect(await factor({})).toBe(1);
  });
});

describe('what is refused', () => {
  const good = loraTensors({ [LAYER]: [4, 6] }, { rank: 2 });
  const downName = `transformer.${LAYER}.lora_A.weight`;
  const upName = `transformer.${LAYER}.lora_B.weight`;
  const bad = (value: number): Tensors => ({
    ...good,
    [upName]: { shape: [4, 2], data: noise(8, 1).fill(value, 3, 4) },
  });
  it.each<[string, Tensors, string, RegExp]>([
    ['no tensors', {}, 'lora_invalid', /is empty/],
    [
      'a key of no layout',
      { ...good, 'transformer.what.weight': down },
      'lora_invalid',
      /what\.weight, which is no key/,
    ],
    ['half of a layer', { [downName]: down }, 'lora_invalid', /only one of the two matrices of transformer_blocks\.0/],
    [
      'two different ranks',
      { [downName]: down, [upName]: { shape: [4, 3], data: noise(12, 1) } },
      'lora_invalid',
      /ranks 2 and 3/,
    ],
    [
      'a rank of 0',
      { [downName]: { shape: [0, 6], data: noise(0, 1) }, [upName]: { shape: [4, 0], data: noise(0, 1) } },
      'lora_invalid',
      /ranks 0 and 0/,
    ],
    [
      'convolutions',
      { [downName]: { shape: [2, 6, 3, 3], data: noise(108, 1) }, [upName]: up },
      'lora_invalid',
      /something else than matrices/,
    ],
    ['NaN', bad(Number.NaN), 'lora_invalid', /numbers in .*lora_B\.weight that are none/],
    ['infinity', bad(Number.NEGATIVE_INFINITY), 'lora_invalid', /that are none/],
    [
      'an alpha that is NaN',
      { ...good, [`transformer.${LAYER}.alpha`]: one(Number.NaN) },
      'lora_invalid',
      /that are none/,
    ],
    [
      'an alpha of two numbers',
      { ...good, [`transformer.${LAYER}.alpha`]: { shape: [2], data: noise(2, 1) } },
      'lora_invalid',
      /no single number/,
    ],
    [
      '8-bit floats',
      { ...good, [upName]: { shape: [4, 2], data: new Uint8Array(8), dtype: 'F8_E4M3' } },
      'lora_invalid',
      /as F8_E4M3; F32, F16 and BF16/,
    ],
    ['DoRA', { ...good, [`transformer.${LAYER}.dora_scale`]: one(1) }, 'lora_invalid', /has DoRA/],
    ['LoKr', { 'lora_unet_x.lokr_w1': one(1) }, 'lora_invalid', /has LoKr/],
    ['LoHa', { 'lora_unet_x.hada_w1_a': one(1) }, 'lora_invalid', /has LoHa/],
    [
      'a text encoder',
      { ...good, 'lora_te1_text_model.lora_down.weight': down },
      'lora_invalid',
      /layers of a text encoder/,
    ],
    [
      'other widths',
      loraTensors({ [LAYER]: [8, 12] }),
      'lora_mismatch',
      /from 12 to 8 channels; this model has 6 and 4/,
    ],
    [
      'more blocks',
      loraTensors({ 'transformer_blocks.59.attn.to_q': [4, 6] }),
      'lora_mismatch',
      /1 layers that this model does not have, as transformer_blocks\.59/,
    ],
    ['FLUX', loraTensors({ 'single_transformer_blocks.0.attn.to_q': [4, 6] }), 'lora_mismatch', /made for FLUX/],
    [
      'SDXL',
      {
        'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k.lora_down.weight': down,
        'lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k.lora_up.weight': up,
      },
      'lora_mismatch',
      /made for Stable Diffusion or SDXL/,
    ],
    ['Wan', loraTensors({ 'blocks.0.self_attn.q': [4, 6] }), 'lora_mismatch', /made for Wan/],
  ])('%s', async (_name, tensors, code, message) => {
    expect(await refusal(read(tensors))).toEqual([code, expect.stringMatching(message)]);
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['an empty file', new Uint8Array(), 'lora_invalid', /empty/],
    ['a cut-off file', new Uint8Array(100).fill(1), 'lora_invalid', /claims/],
    ['a pickle', Buffer.from('PK\x03\x04....archive/data.pkl'), 'lora_invalid', /pickle/],
    ['an answer of a web server', Buffer.from('<!DOCTYPE html><html></html>'), 'lora_invalid', /web server/],
  ])('%s', async (_name, bytes, code, message) => {
    writeFileSync(path, bytes);
    expect(await refusal(readLora({ label: 'some', path }, TARGETS))).toEqual([code, expect.stringMatching(message)]);
  });

  it.each([join(folder, 'none.safetensors'), folder])('no file (%#)', async (missing) => {
    expect(await refusal(readLora({ label: 'some', path: missing }, TARGETS))).toEqual([
      'lora_not_found',
      'The file of the LoRA some is not there.',
    ]);
  });
});
