import { describe, expect, it } from 'vitest';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { changeJson, copyOf, type Json } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

const load = (dir: string) => loadModel(dir, { threads: 1, pause: async () => undefined });

/** Sets `json.a.b` for the path ['a', 'b']. */
function put(json: Json, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length > 0) {
    json[key] ??= {};
    put(json[key] as Json, rest, value);
  } else json[key] = value;
}

const TRANSFORMER = 'transformer/config.json';
const VAE = 'vae/config.json';
const TEXT = 'text_encoder/config.json';
const SCHEDULER = 'scheduler/scheduler_config.json';

describe('a key that changes the maths and is not supported is refused by its name', () => {
  it.each<[string, string, unknown]>([
    [TRANSFORMER, '_class_name', 'FluxTransformer2DModel'],
    [TRANSFORMER, 'use_layer3d_rope', true],
    [TRANSFORMER, 'guidance_embeds', true],
    [TRANSFORMER, 'use_additional_t_cond', true],
    [TRANSFORMER, 'quantization_config', { quant_method: 'bitsandbytes' }],
    [TRANSFORMER, 'num_layers', 0],
    [TRANSFORMER, 'num_layers', '60'],
    [TRANSFORMER, 'axes_dims_rope', [16, 56]],
    [TRANSFORMER, 'axes_dims_rope', [4, 4, 8]],
    [TRANSFORMER, 'out_channels', 5],
    [VAE, '_class_name', 'AutoencoderKL'],
    [VAE, 'input_channels', 4],
    [VAE, 'quantization_config', {}],
    [VAE, 'temperal_downsample', [true]],
    [VAE, 'latents_mean', [0]],
    [VAE, 'latents_std', [0, 0, 0, 0, 0, 0]],
    [SCHEDULER, '_class_name', 'DPMSolverMultistepScheduler'],
    [SCHEDULER, 'use_karras_sigmas', true],
    [SCHEDULER, 'use_exponential_sigmas', true],
    [SCHEDULER, 'use_beta_sigmas', true],
    [SCHEDULER, 'invert_sigmas', true],
    [SCHEDULER, 'stochastic_sampling', true],
    [SCHEDULER, 'shift_terminal', 1],
    [SCHEDULER, 'time_shift_type', 'cubic'],
    [TEXT, 'quantization_config', { bits: 4 }],
    [TEXT, 'vision_config.hidden_act', 'gelu'],
    [TEXT, 'vision_config.in_channels', 1],
    [TEXT, 'vision_config.out_hidden_size', 48],
    [TEXT, 'text_config.hidden_act', 'gelu'],
    [TEXT, 'text_config.use_sliding_window', true],
    [TEXT, 'text_config.layer_types', ['full_attention', 'sliding_attention']],
    [TEXT, 'text_config.model_type', 'qwen3_vl_text'],
    [TEXT, 'text_config.rope_parameters.rope_type', 'yarn'],
    [TEXT, 'text_config.rope_parameters.mrope_section', [2, 4, 5]],
    [TEXT, 'text_config.num_key_value_heads', 3],
    [TEXT, 'text_config.vocab_size', undefined],
    ['processor/processor_config.json', 'image_processor.resample', 2],
    ['processor/processor_config.json', 'image_processor.do_normalize', false],
    ['processor/processor_config.json', 'image_processor.rescale_factor', 1],
    ['processor/processor_config.json', 'image_processor.patch_size', 16],
  ])('%s: %s %j', async (file, key, value) => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, file, (json) => put(json, key.split('.'), value));
    const fits = key.endsWith('patch_size');
    const last = key.split('.').at(-1)!;
    const named = last === 'latents_std' || last === 'num_key_value_heads' ? '' : last;
    await expectRefusal(load(dir), 'model_unsupported', named, ...(fits ? [] : [file]));
  });

  it.each<[string, string, unknown]>([
    [TEXT, 'use_sliding_window', true],
    [TEXT, 'hidden_act', 'gelu'],
    [TEXT, 'rope_scaling.type', 'yarn'],
    [TEXT, 'rope_scaling.rope_type', 'dynamic'],
    ['processor/preprocessor_config.json', 'resample', 2],
  ])('in the older layout, %s: %s %j', async (file, key, value) => {
    const dir = await copyOf('tiny-b');
    await changeJson(dir, file, (json) => put(json, key.split('.'), value));
    await expectRefusal(load(dir), 'model_unsupported', file, key.split('.').at(-1)!);
  });

  it.each([
    ['guidance_embeds', 'guidance-distilled'],
    ['use_layer3d_rope', 'Qwen-Image-Layered'],
    ['use_additional_t_cond', 'Qwen-Image-Layered'],
  ])('%s: whose key it is', async (key, word) => {
    const dir = await copyOf('first-edit');
    await changeJson(dir, TRANSFORMER, (json) => {
      json[key] = true;
    });
    await expectRefusal(load(dir), 'model_unsupported', key, word);
  });

  it('parts of different models are refused together', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, TRANSFORMER, (json) => {
      json.joint_attention_dim = 3584;
    });
    await expectRefusal(load(dir), 'model_unsupported', 'do not fit together', 'joint_attention_dim');
  });
});

it('a key that the reference ignores, or that has the one value we compute, changes nothing', async () => {
  const dir = await copyOf('tiny-c');
  const before = await openModelFolder(dir);
  for (const [file, key, value] of [
    [TRANSFORMER, '_name_or_path', 'somewhere'],
    [TRANSFORMER, 'pooled_projection_dim', 768],
    [TRANSFORMER, 'use_layer3d_rope', false],
    [VAE, 'dropout', 0.1],
    [SCHEDULER, 'use_karras_sigmas', false],
    [TEXT, 'torch_dtype', 'bfloat16'],
    [TEXT, 'text_config.attention_dropout', 0.3],
    ['processor/processor_config.json', 'image_processor.do_convert_rgb', true],
  ] as const)
    await changeJson(dir, file, (json) => put(json, key.split('.'), value));
  const after = await openModelFolder(dir);
  expect(after.transformer.config).toEqual(before.transformer.config);
  expect(after.vae.config).toEqual(before.vae.config);
  expect(after.scheduler).toEqual(before.scheduler);
  expect(after.textEncoder.config).toEqual(before.textEncoder.config);
  expect(after.processor).toEqual(before.processor);
});

it('shift_terminal false means none, as null does', async () => {
  const dir = await copyOf('first-edit');
  await changeJson(dir, SCHEDULER, (json) => {
    json.shift_terminal = false;
  });
  expect((await openModelFolder(dir)).scheduler.shift_terminal).toBeNull();
});
