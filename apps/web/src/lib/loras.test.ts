import { LORA_LIMITS, type ServedModel } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import {
  type FormLora,
  isListFull,
  loraLines,
  loraRefs,
  lorasOfInput,
  withExample,
  withLora,
  withScale,
} from './loras.ts';

const SEPIA = { name: 'sepia', scale: 1 };
const NIGHT = { name: 'night', scale: 1 };
const MODEL = {
  loras: [{ name: 'sepia' }, { name: 'night' }, { name: 'gone', unavailable: 'Its file is gone.' }],
} as unknown as ServedModel;

it('a LoRA is switched on and off, and has one scale', () => {
  const on = withLora(withLora([], SEPIA, true), NIGHT, true);
  expect(on).toEqual([SEPIA, NIGHT]);
  expect(withScale(on, SEPIA, 0.4)).toEqual([{ name: 'sepia', scale: 0.4 }, NIGHT]);
  expect(withLora(on, SEPIA, false)).toEqual([NIGHT]);
  expect(withLora(on, SEPIA, true)).toHaveLength(2);
});

it('an example switches on the LoRA that it needs, and the next one switches it off', () => {
  const first = withExample([], 'sepia', MODEL);
  expect(first).toEqual([{ ...SEPIA, byExample: true }]);
  expect(withExample(first, 'sepia', MODEL)).toEqual(first);
  expect(withExample(first, 'night', MODEL)).toEqual([{ ...NIGHT, byExample: true }]);
  expect(withExample(first, undefined, MODEL)).toEqual([]);
});

it('no example switches off a LoRA that the reader has switched on or set', () => {
  expect(withExample([SEPIA], 'night', MODEL)).toEqual([SEPIA, { ...NIGHT, byExample: true }]);
  expect(withExample(withExample([SEPIA], 'sepia', MODEL), undefined, MODEL)).toEqual([SEPIA]);
  const set = withScale(withExample([], 'sepia', MODEL), SEPIA, 1.5);
  expect(withExample(set, undefined, MODEL)).toEqual([{ name: 'sepia', scale: 1.5 }]);
});

it('an example switches on no LoRA that would be refused', () => {
  expect(withExample([], 'gone', MODEL)).toEqual([]);
  expect(withExample([], 'unknown', MODEL)).toEqual([]);
  const many = Array.from({ length: LORA_LIMITS.count }, (_, i): FormLora => ({ name: `l${i}`, scale: 1 }));
  expect([isListFull(many), isListFull(many.slice(1))]).toEqual([true, false]);
  expect(withExample(many, 'sepia', MODEL)).toEqual(many);
});

it('what only the page keeps is not sent', () => {
  expect(loraRefs([{ ...SEPIA, byExample: true }])).toEqual([SEPIA]);
});

it('the list has all that the model offers, what the preset adds, and what only a job named', () => {
  const file = { path: '/loras/a.safetensors', scale: 2 };
  const lines = loraLines([{ name: 'night', scale: 0.5 }, file], MODEL, [{ name: 'sepia', scale: 0.9 }]);
  expect(lines.map(({ lora, on, inPreset }) => [lora, on, inPreset])).toEqual([
    [SEPIA, false, 0.9],
    [{ name: 'night', scale: 0.5 }, true, undefined],
    [{ name: 'gone', scale: 1 }, false, undefined],
    [file, true, undefined],
  ]);
  expect(loraLines([], undefined)).toEqual([]);
});

it('the LoRAs of a job are read as the API takes them, and what is none is left out', () => {
  expect(lorasOfInput(['sepia@0.5', { repo: 'a/b' }])).toEqual([
    { name: 'sepia', scale: 0.5 },
    { repo: 'a/b', scale: 1 },
  ]);
  expect(lorasOfInput(undefined)).toEqual([]);
  expect(lorasOfInput([{ scale: 1 }])).toEqual([]);
});
