import { modelListSchema } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { limitsOf } from './service-limits.ts';

/** The answer of a service whose model says this of its limits. */
function answer(ofModel: Record<string, unknown>, limits: Record<string, unknown> = { images: 8 }) {
  const nothing = { digest: null, summary: null, licence: null, full_model: null, edits: [], output_image_size: null };
  const model = {
    ...nothing,
    ...{ id: 'model', object: 'model', demo: false, ready: true, workers: 1, devices: ['cpu'], defaults: {} },
    limits: { min_inference_steps: 1, size_multiple: null, ...ofModel },
  };
  return modelListSchema.parse({ data: [model], defaults: {}, limits });
}

it('no more pictures than the model takes', () => {
  expect(limitsOf(answer({ max_images: 1 })).images).toBe(1);
  expect(limitsOf(answer({ max_images: 20 })).images).toBe(8);
});

it('as many as the service allows without a model, and with one of a service that does not say', () => {
  expect(limitsOf(undefined).images).toBe(8);
  expect(limitsOf({ data: [], defaults: {}, limits: { images: 5 } }).images).toBe(5);
  expect(limitsOf(answer({}, { images: 3 })).images).toBe(3);
});
