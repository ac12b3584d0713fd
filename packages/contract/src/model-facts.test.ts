import { expect, it } from 'vitest';
import { modelFactsSchema } from './model-facts.ts';

const FACTS = {
  name: 'a-model',
  digest: 'sha256:0',
  demo: false,
  num_inference_steps: 40,
  true_cfg_scale: 4,
  min_inference_steps: 1,
  vae_image_size: 1024 * 1024,
  condition_image_size: 384 * 384,
  output_image_size: 1024 * 1024,
  reference_size: 'area',
  size_multiple: 16,
  device: 'cpu',
  precision: 'fp32',
};

it('the facts of a model stay as they are, with its card if it has one', () => {
  expect(modelFactsSchema.parse(FACTS)).toEqual(FACTS);
  const card = { name: 'a model', demo: false, edits: [] };
  expect(modelFactsSchema.parse({ ...FACTS, card })).toEqual({ ...FACTS, card });
});

it.each([
  ['min_inference_steps', 0],
  ['size_multiple', 0],
  ['vae_image_size', 1.5],
  ['digest', undefined],
])('facts with %s of %s are refused', (name, value) => {
  expect(modelFactsSchema.safeParse({ ...FACTS, [name]: value }).success).toBe(false);
});
