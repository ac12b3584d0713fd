import { z } from 'zod';
import { loraListSchema } from './loras.ts';

/** How the command takes a parameter: `--FLAG VALUE`. */
export interface ParameterFlag {
  readonly flag: string;
  /** What stands for the value in the help, as `N`. */
  readonly value: string;
  /** Flags with the same help share a line. */
  readonly help: string;
  /** A flag without a value that says `null`. */
  readonly none?: { readonly flag: string; readonly help: string };
}

/** Where the page's settings show a parameter. Its words stand in the page's dictionaries, under the parameter's name. */
export interface ParameterControl {
  /** Controls are shown in this order. */
  readonly position: number;
  /** True for a control that few people need: it lies behind one more step. */
  readonly advanced?: boolean;
  /** Ends and step of a slider; a number beyond its ends can be typed. */
  readonly slider?: { readonly min: number; readonly max: number; readonly step: number };
}

/** What every row of the table says, whatever its kind. */
interface Shown {
  /** undefined for a parameter that has no flag of its own. */
  readonly cli: ParameterFlag | undefined;
  /** undefined for a parameter that has no control of its own. */
  readonly page: ParameterControl | undefined;
  /** The guide's value, for requests that say nothing. */
  readonly default?: string | number;
  /** True if a checkpoint's recommendation comes before the guide's default. */
  readonly recommendedByModel?: boolean;
  /** True for a parameter that is accepted and changes nothing. */
  readonly noEffect?: boolean;
  /** For what came after contract version 1: the version that a worker needs for this value. See contract-version.ts. */
  readonly needs?: (value: unknown) => number;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A row as code sees it that handles all parameters alike. */
export interface ParameterFacts extends Shown, Partial<Bounds> {
  readonly kind: 'text' | 'whole_number' | 'number' | 'seed' | 'choice' | 'size' | 'name' | 'loras';
  readonly schema: z.ZodType;
  readonly maxLength?: number;
  readonly choices?: readonly string[];
}

const textSchema = (maxLength: number) =>
  z.string('must be a text').max(maxLength, `must have at most ${maxLength} characters`);

/** A text that every request has to say. */
export function requiredTextParameter<const R extends Shown & { readonly maxLength: number }>(row: R) {
  return { ...row, kind: 'text', schema: textSchema(row.maxLength) } as const;
}

/** A text; null says that there is none. */
export function textParameter<const R extends Shown & { readonly maxLength: number }>(row: R) {
  return { ...row, kind: 'text', schema: textSchema(row.maxLength).nullable().optional() } as const;
}

export function wholeNumberParameter<const R extends Shown & Bounds>(row: R) {
  const { min, max } = row;
  const schema = z
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);
  return { ...row, kind: 'whole_number', schema: schema.optional() } as const;
}

export function numberParameter<const R extends Shown & Bounds>(row: R) {
  const { min, max } = row;
  const schema = z.number('must be a number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`);
  return { ...row, kind: 'number', schema: schema.optional() } as const;
}

/** One of a list of words. */
export function choiceParameter<const C extends readonly string[], const R extends Shown & { readonly choices: C }>(
  row: R & { readonly choices: C },
) {
  const choices: C = row.choices;
  return { ...row, kind: 'choice', schema: z.enum(choices).optional() } as const;
}

const MAX_SEED = 2n ** 64n - 1n;
const SEED_RULE = `must be a whole number from 0 to ${MAX_SEED}, or -1`;

/** True for a seed as people write it: 0 … 2^64-1, or -1 to draw one. */
export function isSeed(text: string): boolean {
  const trimmed = text.trim();
  return trimmed === '-1' || (/^\d{1,20}$/.test(trimmed) && BigInt(trimmed) <= MAX_SEED);
}

/** A seed as a decimal string without leading zeros. Numbers are taken if they are exact. */
export const seedSchema = z
  .union(
    [
      z.string().trim(),
      z
        .number(SEED_RULE)
        .refine(
          (seed) => !Number.isInteger(seed) || Number.isSafeInteger(seed),
          'must be a text: as a number it is inexact',
        ),
    ],
    SEED_RULE,
  )
  .transform(String)
  .refine(isSeed, SEED_RULE)
  .transform((text) => (text === '-1' ? text : BigInt(text).toString()));

export function seedParameter<const R extends Shown>(row: R) {
  return { ...row, kind: 'seed', schema: seedSchema.optional() } as const;
}

/** `auto`, or two sides as people and other services write them, in small letters. */
const SIZE_FORM = /^(?:auto|\d{1,6}\s*[x×*]\s*\d{1,6})$/;
const SIZE_RULE = 'must be auto, or width x height in pixels, as 1024x768';

/** The sides of a size as sizeSchema gives it; undefined for `auto`. */
export function sidesOfSize(size: string): { readonly width: number; readonly height: number } | undefined {
  const [width, height] = size.split('x').map(Number);
  return width === undefined || height === undefined ? undefined : { width, height };
}

/**
 * `auto` or `WxH`. Taken too: capitals, `×` and `*` for `x`, and blanks around them, since people and other services write
 * sizes so. A size with an open side is none: width or height alone says that.
 */
function sizeSchema({ min, max }: Bounds) {
  return z
    .string('must be a text')
    .trim()
    .toLowerCase()
    .regex(SIZE_FORM, { error: SIZE_RULE, abort: true })
    .transform((text) => text.replace(/\s*[x×*]\s*/, 'x').replaceAll(/(^|x)0+(?=\d)/g, '$1'))
    .refine((size) => sidesOf(size).every((side) => side >= min), `must have sides of at least ${min}`)
    .refine((size) => sidesOf(size).every((side) => side <= max), `must have sides of at most ${max}`);
}

const sidesOf = (size: string): readonly number[] => Object.values(sidesOfSize(size) ?? {});

export function sizeParameter<const R extends Shown & Bounds>(row: R) {
  return { ...row, kind: 'size', schema: sizeSchema(row).optional() } as const;
}

/** A short name that only a model can tell whether it knows it. */
export function nameParameter<const R extends Shown & { readonly pattern: RegExp }>(row: R) {
  const schema = z.string('must be a text').regex(row.pattern, 'must be lower case letters, digits, dots, _ and -');
  return { ...row, kind: 'name', schema: schema.optional() } as const;
}

/** A list of LoRAs. */
export function lorasParameter<const R extends Shown>(row: R) {
  return { ...row, kind: 'loras', schema: loraListSchema.optional() } as const;
}
