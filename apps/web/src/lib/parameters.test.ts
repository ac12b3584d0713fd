import { LORA_LIMITS, type Preset, type ServedModel } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import {
  choiceOf,
  EMPTY_FORM,
  type FormValues,
  fitNumber,
  formOfJob,
  isAdvanced,
  isAsRecommended,
  rangeOf,
  requestParameters,
  SHOWN_PARAMETERS,
  withChoice,
} from './parameters.ts';

const model = (steps: number, fewest: number): ServedModel => ({
  id: 'm',
  object: 'model',
  digest: null,
  demo: false,
  summary: null,
  full_model: null,
  licence: null,
  edits: [],
  presets: [],
  loras: [],
  ready: true,
  last_error: null,
  loads_with_first_job: false,
  download: null,
  workers: 1,
  devices: ['cpu'],
  precisions: ['fp32'],
  defaults: { num_inference_steps: steps, true_cfg_scale: 4 },
  limits: {
    min_inference_steps: fewest,
    size_multiple: 16,
    max_images: 8,
    max_side: 4096,
    largest_output_area: null,
  },
  usual_seconds: null,
  output_image_size: null,
  vae_image_size: null,
  reference_size: null,
});

it('the ranges are the guide’s', () => {
  expect(rangeOf('num_inference_steps', undefined)).toMatchObject({ min: 10, max: 80, recommended: 40 });
  expect(rangeOf('true_cfg_scale', undefined)).toMatchObject({ min: 1, max: 8, step: 0.1, recommended: 4 });
  expect(rangeOf('guidance_scale', undefined)).toMatchObject({ min: 0.5, max: 3, step: 0.1, recommended: 1 });
  expect(rangeOf('max_side', undefined)).toMatchObject({ min: 0, max: 2048, step: 64, recommended: 768 });
  expect(rangeOf('num_images_per_prompt', undefined)).toMatchObject({ min: 1, max: 8 });
});

it('a model of few steps has a range of its own around what it recommends', () => {
  const steps = (recommended: number) => rangeOf('num_inference_steps', model(recommended, 2));
  expect(steps(6)).toMatchObject({ min: 2, max: 24, typedMin: 2, recommended: 6 });
  expect(steps(30)).toMatchObject({ min: 10, max: 80, recommended: 30 });
});

it('what a preset says is what is recommended, and its few steps have a range around them', () => {
  const preset: Preset = { name: 'lightning-4', num_inference_steps: 4, true_cfg_scale: 1 };
  expect(rangeOf('num_inference_steps', model(40, 2), preset)).toMatchObject({ min: 2, max: 16, recommended: 4 });
  expect(rangeOf('true_cfg_scale', model(40, 2), preset)).toMatchObject({ min: 1, max: 8, recommended: 1 });
  expect(rangeOf('num_inference_steps', model(40, 2), { name: 'draft' })).toMatchObject({ recommended: 40 });
  expect(rangeOf('max_side', model(40, 2), preset)).toMatchObject({ recommended: 768 });
});

it('the page shows the controls in this order; all that says the size of the result shares one', () => {
  expect(SHOWN_PARAMETERS).toEqual([
    'preset',
    'width',
    'num_inference_steps',
    'seed',
    'true_cfg_scale',
    'guidance_scale',
    'max_side',
    'num_images_per_prompt',
    'output_format',
    'reference_size',
    'negative_prompt',
    'lora',
    'speed',
  ]);
  expect(SHOWN_PARAMETERS.filter(isAdvanced)).toEqual(['reference_size', 'lora', 'speed']);
});

it('typed numbers are made to fit', () => {
  const steps = rangeOf('num_inference_steps', model(6, 2));
  const cfg = rangeOf('true_cfg_scale', model(6, 2));
  expect(fitNumber(0, steps)).toBe(2);
  expect(fitNumber(1e9, steps)).toBe(100);
  expect(fitNumber(7.5, steps)).toBe(8);
  expect(fitNumber(2.449, cfg)).toBe(2.4);
  const { min: typedMin, max: typedMax } = LORA_LIMITS.scale;
  const scale = { step: 0.05, typedMin, typedMax };
  expect([0.849, -9, 9].map((value) => fitNumber(value, scale))).toEqual([0.85, -4, 4]);
});

it('what the form leaves to the model is not sent', () => {
  expect(requestParameters({ ...EMPTY_FORM, prompt: 'make it warmer' })).toEqual({
    prompt: 'make it warmer',
    seed: '0',
  });
});

it('a job gives back the form that made it', () => {
  const form: FormValues = {
    prompt: '变成黑白照片',
    negative_prompt: 'blur',
    seed: '18446744073709551615',
    numbers: { num_inference_steps: 8, true_cfg_scale: 1.5, max_side: 0, width: 256 },
    choices: { output_format: 'webp', speed: 'balanced' },
    preset: 'lightning-4',
    loras: [
      { name: 'sepia', scale: 0.8 },
      { repo: 'owner/name', file: 'a.safetensors', scale: -1 },
    ],
  };
  expect(requestParameters(form)).toMatchObject({ preset: 'lightning-4', lora: form.loras, speed: 'balanced' });
  expect(formOfJob({ input: { ...requestParameters(form), images: [] } })).toEqual(form);
  expect(formOfJob({ input: { prompt: 'x', negative_prompt: null, images: [] } }).negative_prompt).toBeNull();
});

it('a form is as recommended until something but the prompt is changed', () => {
  expect(isAsRecommended({ ...EMPTY_FORM, prompt: 'x', choices: { output_format: 'png' } })).toBe(true);
  expect(isAsRecommended({ ...EMPTY_FORM, choices: { output_format: 'webp' } })).toBe(false);
  expect(isAsRecommended({ ...EMPTY_FORM, numbers: { height: 64 } })).toBe(false);
  expect(isAsRecommended({ ...EMPTY_FORM, seed: '1' })).toBe(false);
  expect(isAsRecommended({ ...EMPTY_FORM, choices: { speed: 'fast' } })).toBe(false);
  expect(isAsRecommended({ ...EMPTY_FORM, preset: 'draft' })).toBe(false);
  expect(isAsRecommended({ ...EMPTY_FORM, preset: 'standard' })).toBe(true);
  expect(isAsRecommended({ ...EMPTY_FORM, loras: [{ name: 'sepia', scale: 1 }] })).toBe(false);
});

it('a word that is no longer in the list counts as none', () => {
  const form = { ...EMPTY_FORM, choices: { output_format: 'gif', speed: 'rushed' } };
  expect(requestParameters(form)).toEqual(requestParameters(EMPTY_FORM));
  expect(choiceOf(form, 'output_format')).toBe('png');
  expect(isAsRecommended(form)).toBe(true);
});

it('a word that holds anyway is no wish: it is not sent, and follows the preset', () => {
  const draft: Preset = { name: 'draft', reference_size: 'output', speed: 'fast' };
  const none = { choices: {} };
  expect(choiceOf(EMPTY_FORM, 'reference_size')).toBe('model');
  expect(choiceOf(EMPTY_FORM, 'reference_size', draft)).toBe('output');
  expect(choiceOf(EMPTY_FORM, 'speed', draft)).toBe('fast');
  expect(withChoice(none, 'reference_size', 'output', draft)).toEqual({});
  expect(withChoice(none, 'reference_size', 'model', draft)).toEqual({ reference_size: 'model' });
  expect(withChoice(none, 'speed', 'exact', draft)).toEqual({ speed: 'exact' });
  expect(withChoice({ choices: { output_format: 'webp' } }, 'output_format', 'png')).toEqual({});
});
