import {
  editSizes,
  PRESETS,
  type PresetName,
  parameterFacts,
  type Size,
  type SizeFacts,
  type SizeParameters,
} from '@qwen-edit/contract';
import { chosenWord, type FormValues } from './parameters.ts';

/** What a form says about sizes. */
export function sizeParametersOf(form: Pick<FormValues, 'numbers' | 'choices'>): SizeParameters {
  const { width, height, output_area, max_side } = form.numbers;
  const reference = chosenWord(form, 'reference_size');
  return {
    ...{ width, height, output_area, max_side },
    preset: presetOf(form),
    reference_size: reference === 'model' || reference === 'output' ? reference : undefined,
  };
}

/** The size that the result of a form will have; undefined if the pictures are too narrow for one. */
export function expectedResultSize(
  form: Pick<FormValues, 'numbers' | 'choices'>,
  pictures: readonly Size[],
  model: SizeFacts,
): Size | undefined {
  const { result } = editSizes(sizeParametersOf(form), pictures, model);
  return result.width === 0 || result.height === 0 ? undefined : result;
}

/** The ways to choose the size of the result. */
export const SIZE_MODES = ['auto', 'draft', 'own'] as const;
export type SizeMode = (typeof SIZE_MODES)[number];

/** Numbers that say the size of the result. An area and a side exclude each other. */
export const SIZE_NUMBERS = ['width', 'height', 'output_area'] as const;
export type SizeNumber = (typeof SIZE_NUMBERS)[number];

/** The way that a form chooses. */
export function sizeModeOf(form: Pick<FormValues, 'numbers' | 'choices'>): SizeMode {
  if (SIZE_NUMBERS.some((name) => form.numbers[name] !== undefined)) return 'own';
  return presetOf(form) === undefined ? 'auto' : 'draft';
}

/** The same form with the size chosen in another way. `width`: what an own size begins with. */
export function withSizeMode<F extends Pick<FormValues, 'numbers' | 'choices'>>(
  form: F,
  mode: SizeMode,
  width?: number,
): F {
  const { width: _width, height: _height, output_area: _area, ...numbers } = form.numbers;
  const { preset: _preset, ...choices } = form.choices;
  return {
    ...form,
    numbers: mode === 'own' && width !== undefined ? { ...numbers, width } : numbers,
    choices: mode === 'draft' ? { ...choices, preset: 'draft' } : choices,
  };
}

/** The same numbers with one that says the size. A side takes the place of an area, and an area that of the sides. */
export function withSizeNumber(
  numbers: FormValues['numbers'],
  name: SizeNumber,
  value: number | undefined,
): FormValues['numbers'] {
  const { [name]: _, ...others } = numbers;
  if (value === undefined) return others;
  const excluded: readonly string[] = name === 'output_area' ? ['width', 'height'] : ['output_area'];
  const kept = Object.entries(others).filter(([each]) => !excluded.includes(each));
  return { ...Object.fromEntries(kept), [name]: value };
}

/** A typed number as one that can be used; undefined for what is none. */
export function fitSizeNumber(name: SizeNumber, value: number): number | undefined {
  const { min = 1, max = Number.POSITIVE_INFINITY } = parameterFacts(name);
  const whole = Math.round(value);
  return whole >= min && whole <= max ? whole : undefined;
}

/** True if a draft of this model would be as large as its results without a wish. */
export const isSmallModel = ({ output_image_size }: SizeFacts): boolean =>
  output_image_size != null && output_image_size <= PRESETS.draft.output_area;

function presetOf(form: Pick<FormValues, 'choices'>): PresetName | undefined {
  return chosenWord(form, 'preset') === 'draft' ? 'draft' : undefined;
}

/** True if two shapes differ so little that one can be drawn over the other, edge on edge. */
export function isSimilarRatio(a: Size, b: Size): boolean {
  const quotient = a.width / a.height / (b.width / b.height);
  return Math.abs(Math.log(quotient)) < 0.14;
}

/** Index of the picture to compare a result with: the first that has the shape of the last, as the result has. */
export function pictureToCompare(pictures: readonly Size[]): number {
  const last = pictures.at(-1);
  return last === undefined ? 0 : pictures.findIndex((picture) => isSimilarRatio(picture, last));
}

/** `4032×3024`. */
export const sizeText = ({ width, height }: Size): string => `${width}×${height}`;
