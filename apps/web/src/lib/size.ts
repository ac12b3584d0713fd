import { editSizes, parameterFacts, type Size, type SizeFacts, type SizeParameters } from '@qwen-edit/contract';
import { chosenWord, type FormValues } from './parameters.ts';

/** What of a form its sizes depend on. */
export type SizeForm = Pick<FormValues, 'numbers' | 'choices' | 'preset'>;

/** What a form says about sizes. */
export function sizeParametersOf(form: SizeForm): SizeParameters {
  const { width, height, output_area, max_side } = form.numbers;
  const reference = chosenWord(form, 'reference_size');
  return {
    ...{ width, height, output_area, max_side },
    preset: form.preset,
    reference_size: reference === 'model' || reference === 'output' ? reference : undefined,
  };
}

/** The size that the result of a form will have; undefined if the pictures are too narrow for one. */
export function expectedResultSize(form: SizeForm, pictures: readonly Size[], model: SizeFacts): Size | undefined {
  const { result } = editSizes(sizeParametersOf(form), pictures, model);
  return result.width === 0 || result.height === 0 ? undefined : result;
}

/** The ways to choose the size of the result: as the preset or the model makes it, or the reader's own. */
export const SIZE_MODES = ['auto', 'own'] as const;
export type SizeMode = (typeof SIZE_MODES)[number];

/** Numbers that say the size of the result. An area and a side exclude each other. */
export const SIZE_NUMBERS = ['width', 'height', 'output_area'] as const;
export type SizeNumber = (typeof SIZE_NUMBERS)[number];

/** The way that a form chooses. */
export function sizeModeOf({ numbers }: Pick<FormValues, 'numbers'>): SizeMode {
  return SIZE_NUMBERS.some((name) => numbers[name] !== undefined) ? 'own' : 'auto';
}

/** The same numbers with the size chosen in another way. `width`: what an own size begins with. */
export function withSizeMode(numbers: FormValues['numbers'], mode: SizeMode, width?: number): FormValues['numbers'] {
  const { width: _width, height: _height, output_area: _area, ...others } = numbers;
  return mode === 'own' && width !== undefined ? { ...others, width } : others;
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
