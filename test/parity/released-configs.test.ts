import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { resolveEditConfig } from '../../packages/pipeline/src/hub/edit-config.ts';
import { familySchema } from '../../packages/pipeline/src/hub/families.ts';
import { processorSchema } from '../../packages/pipeline/src/hub/processor-config.ts';
import { checkConfig } from '../../packages/pipeline/src/hub/read-json.ts';
import { schedulerSchema } from '../../packages/pipeline/src/hub/scheduler-config.ts';
import { textEncoderSchema } from '../../packages/pipeline/src/hub/text-encoder-config.ts';
import { transformerSchema } from '../../packages/pipeline/src/hub/transformer-config.ts';
import { vaeFactor, vaeSchema } from '../../packages/pipeline/src/hub/vae-config.ts';
import { minSteps } from '../../packages/pipeline/src/sampling/schedule.ts';
import { readGoldenJson } from './goldens.ts';

type Component = 'scheduler' | 'vae' | 'text_encoder' | 'preprocessor';
type Release = { pipeline: string; transformer: unknown } & Partial<Record<Component, unknown>>;
const { shared, releases } = readGoldenJson<{
  shared: Record<Component, unknown>;
  releases: Record<string, Release>;
}>(join(import.meta.dirname, '../fixtures/released-configs.json'));

/** What a loaded folder would know of a release's configurations. */
function knownOf(name: string) {
  const release = releases[name]!;
  const read = <T>(schema: z.ZodType<T>, component: Component): T =>
    checkConfig(schema, release[component] ?? shared[component], component);
  const family = checkConfig(familySchema, { _class_name: release.pipeline }, 'model_index.json');
  const { vae_image_size, condition_image_size } = resolveEditConfig({}, family);
  const transformer = checkConfig(transformerSchema, release.transformer, 'transformer/config.json');
  const vae = read(vaeSchema, 'vae');
  const text = read(textEncoderSchema, 'text_encoder');
  const processor = read(processorSchema, 'preprocessor');
  return {
    max_images: family.max_images,
    areas: [vae_image_size, condition_image_size],
    zero_cond_t: transformer.zero_cond_t,
    blocks: transformer.num_layers,
    // What one part passes to the next.
    text: [transformer.joint_attention_dim, text.text.hidden_size, text.vision.out_hidden_size],
    latents: [transformer.in_channels, transformer.packed_channels, 4 * vae.z_dim],
    factor: vaeFactor(vae),
    layers: [text.text.num_hidden_layers, text.vision.depth],
    pixels: [processor.min_pixels, processor.max_pixels],
    min_steps: minSteps(read(schedulerSchema, 'scheduler')),
  };
}

const PLUS = {
  ...{ max_images: 8, areas: [1024 ** 2, 384 ** 2], zero_cond_t: false, blocks: 60, text: [3584, 3584, 3584] },
  ...{ latents: [64, 64, 64], factor: 8, layers: [28, 32], pixels: [3136, 12_845_056], min_steps: 2 },
};

describe('the configurations of released checkpoints are understood', () => {
  it.each<[string, Partial<ReturnType<typeof knownOf>>]>([
    ['Qwen/Qwen-Image-Edit', { max_images: 1, areas: [1024 ** 2, 1024 ** 2] }],
    ['Qwen/Qwen-Image-Edit-2509', {}],
    ['FireRedTeam/FireRed-Image-Edit-1.0', {}],
    ['Qwen/Qwen-Image-Edit-2511', { zero_cond_t: true }],
    ['a folder with Lightning merged in', { zero_cond_t: true, min_steps: 1 }],
    ['a folder that a later diffusers saved', { zero_cond_t: true }],
  ])('%s', (name, differs) => {
    expect(knownOf(name)).toEqual({ ...PLUS, ...differs });
  });

  it('all of them', () => {
    expect(Object.keys(releases)).toHaveLength(6);
  });
});
