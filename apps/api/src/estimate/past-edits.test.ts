import type { FinishedEditRow } from '@qwen-edit/db';
import { expect, it } from 'vitest';
import { pastEditsOf } from './past-edits.ts';

const model = {
  ...{ digest: 'abc', device: 'cpu', precision: 'fp32' },
  presets: [
    { name: 'lightning-4', lora: [{ repo: 'owner/loras', scale: 1 }] },
    { name: 'quick', num_inference_steps: 4 },
  ],
};
const parameters = {
  ...{ num_inference_steps: 40, true_cfg_scale: 4, num_images_per_prompt: 1, max_side: 768 },
  ...{ width: 64, height: 64 },
};
/** An edit that took so many seconds, which tell it from others. */
const made = (denoise_s: number, more: object = {}): FinishedEditRow => ({
  ...{ digest: 'abc', device: 'cpu', precision: 'fp32', promptBytes: 3, negativeBytes: 1 },
  parameters: { ...parameters, ...more },
  pictures: [{ width: 64, height: 64 }],
  timings: { encode_s: 1, denoise_s, decode_s: 1 },
});
const rows = [
  made(1),
  made(2, { speed: 'exact', preset: 'quick' }),
  made(3, { speed: 'fast' }),
  made(4, { preset: 'lightning-4' }),
  made(5, { lora: [{ name: 'a', scale: 0.5 }] }),
  made(6, { lora: [{ name: 'a', scale: 0 }] }),
];
const used = (said: Parameters<typeof pastEditsOf>[2] = {}): number[] =>
  pastEditsOf(model, rows, said).map(({ denoise_s }) => denoise_s);

it('an edit that computes all its steps is judged by such edits, without LoRAs', () => {
  expect(used()).toEqual([1, 2, 6]);
  expect(used({ preset: 'quick' })).toEqual([1, 2, 6]);
});

it('one with LoRAs, of its own or of its preset, is judged by those with LoRAs too', () => {
  expect(used({ preset: 'lightning-4' })).toEqual([1, 2, 4, 5, 6]);
  expect(used({ lora: [{ name: 'b', scale: 1 }] })).toEqual([1, 2, 4, 5, 6]);
});
