import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { openWeights } from '../weights/open-weights.ts';

/**
 * The folder of a checkpoint that holds its golden edit: `picture.png`, which is edited, `golden.png`, which must come out, and
 * `golden.safetensors` with what the networks give on the way. `npm run golden:demo-model` makes them.
 */
export const GOLDEN_FOLDER = 'self_test';

/** What is compared, in the order in which an edit computes it, and which network it tells of. */
export const GOLDEN_VALUES = {
  image_embeds: 'the vision tower of the text encoder',
  prompt_embeds: 'the text encoder',
  negative_prompt_embeds: 'the text encoder, at the negative prompt',
  image_latents: 'the VAE encoder',
  noise_pred: 'the transformer',
  negative_noise_pred: 'the transformer, at the negative prompt',
  latents: 'the transformer, after all steps',
} as const;
export type GoldenValue = keyof typeof GOLDEN_VALUES;
export const GOLDEN_NAMES: readonly GoldenValue[] = [
  ...(['image_embeds', 'prompt_embeds', 'negative_prompt_embeds', 'image_latents'] as const),
  ...(['noise_pred', 'negative_noise_pred', 'latents'] as const),
];

/** The parameters of every golden edit: small, with guidance, so that both passes count, and with two steps. */
export const GOLDEN_PARAMETERS = {
  prompt: 'Make the picture black and white.',
  negative_prompt: 'blurred',
  true_cfg_scale: 2,
  num_inference_steps: 2,
  seed: '7',
  width: 64,
  height: 64,
} as const;

interface GoldenEdit {
  readonly picture: Uint8Array;
  /** The encoded picture that must come out. */
  readonly result: Uint8Array;
  readonly values: Readonly<Record<GoldenValue, Float32Array>>;
}

/** Throws AppError `model_incomplete` or `model_corrupt` for a checkpoint without a whole golden edit. */
export async function readGoldenEdit(dir: string): Promise<GoldenEdit> {
  const folder = join(dir, GOLDEN_FOLDER);
  const weights = await openWeights(folder, 'golden');
  const value = (name: GoldenValue): Float32Array => {
    const info = weights.tensors.get(name);
    if (info === undefined)
      throw new AppError('model_incomplete', `${GOLDEN_FOLDER}/golden.safetensors has no ${name}.`);
    return weights.read(info);
  };
  return {
    picture: await readPart(folder, 'picture.png'),
    result: await readPart(folder, 'golden.png'),
    values: {
      image_embeds: value('image_embeds'),
      prompt_embeds: value('prompt_embeds'),
      negative_prompt_embeds: value('negative_prompt_embeds'),
      image_latents: value('image_latents'),
      noise_pred: value('noise_pred'),
      negative_noise_pred: value('negative_noise_pred'),
      latents: value('latents'),
    },
  };
}

async function readPart(folder: string, name: string): Promise<Uint8Array> {
  return readFile(join(folder, name)).catch((cause: unknown) => {
    throw new AppError('model_incomplete', `${GOLDEN_FOLDER}/${name} cannot be read.`, { cause });
  });
}
