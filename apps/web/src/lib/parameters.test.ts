import type { Model } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { EMPTY_FORM, type FormValues, fitNumber, formOfJob, parametersOf, rangesOf } from './parameters.ts';

const model = (steps: number, fewest: number): Model => ({
  id: 'm',
  object: 'model',
  digest: null,
  demo: false,
  summary: null,
  full_model: null,
  licence: null,
  edits: [],
  ready: true,
  workers: 1,
  devices: ['cpu'],
  defaults: { num_inference_steps: steps, true_cfg_scale: 4 },
  limits: { min_inference_steps: fewest, size_multiple: 16 },
  output_image_size: null,
});

it('the ranges are the guide’s', () => {
  const ranges = rangesOf(undefined);
  expect(ranges.num_inference_steps).toMatchObject({ min: 10, max: 80, recommended: 40 });
  expect(ranges.true_cfg_scale).toMatchObject({ min: 1, max: 8, step: 0.1, recommended: 4 });
  expect(ranges.guidance_scale).toMatchObject({ min: 0.5, max: 3, step: 0.1, recommended: 1 });
  expect(ranges.max_side).toMatchObject({ min: 0, max: 2048, step: 64, recommended: 768 });
  expect(ranges.num_images_per_prompt).toMatchObject({ min: 1, max: 8 });
});

it('a model of few steps has a range of its own around what it recommends', () => {
  expect(rangesOf(model(6, 2)).num_inference_steps).toMatchObject({ min: 2, max: 24, typedMin: 2, recommended: 6 });
  expect(rangesOf(model(30, 2)).num_inference_steps).toMatchObject({ min: 10, max: 80, recommended: 30 });
});

it('typed numbers are made to fit', () => {
  const { num_inference_steps, true_cfg_scale } = rangesOf(model(6, 2));
  expect(fitNumber(0, num_inference_steps)).toBe(2);
  expect(fitNumber(1e9, num_inference_steps)).toBe(100);
  expect(fitNumber(7.5, num_inference_steps)).toBe(8);
  expect(fitNumber(2.449, true_cfg_scale)).toBe(2.4);
});

it('what the form leaves to the model is not sent', () => {
  expect(parametersOf({ ...EMPTY_FORM, prompt: 'make it warmer' })).toEqual({
    prompt: 'make it warmer',
    seed: '0',
    output_format: 'png',
  });
});

it('a job gives back the form that made it', () => {
  const form: FormValues = {
    prompt: '变成黑白照片',
    negative_prompt: 'blur',
    seed: '18446744073709551615',
    numbers: { num_inference_steps: 8, true_cfg_scale: 1.5, max_side: 0 },
    output_format: 'webp',
    width: 256,
    height: undefined,
  };
  expect(formOfJob({ input: { ...parametersOf(form), images: [] } })).toEqual(form);
  expect(formOfJob({ input: { prompt: 'x', negative_prompt: null, images: [] } }).negative_prompt).toBeNull();
});
