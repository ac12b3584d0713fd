import { z } from 'zod';
import { AppError } from './errors.ts';

/** Limits of what a request may ask for. */
export const LIMITS = {
  promptCharacters: 10_000,
  images: 8,
  /** Bytes of one encoded picture. */
  imageBytes: 250_000_000,
  inferenceSteps: 100,
  guidance: 100,
  imagesPerPrompt: 8,
  side: 4096,
  maxSide: 16_384,
  /** Of a search through the list of jobs. */
  searchCharacters: 200,
} as const;

/** Values of the guide, used where neither the request nor the checkpoint's edit_config.json says otherwise. */
export const GUIDE_DEFAULTS = {
  negative_prompt: ' ',
  num_inference_steps: 40,
  true_cfg_scale: 4,
  guidance_scale: 1,
  seed: '0',
  num_images_per_prompt: 1,
  max_side: 768,
  output_format: 'png',
} as const;

const MAX_SEED = 2n ** 64n - 1n;
const SEED_RULE = 'must be a whole number from 0 to 18446744073709551615, or -1';

/** A seed as a decimal string: 0 … 2^64-1, or -1 to draw one. Numbers are taken where they are exact. */
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
  .refine((text) => text === '-1' || (/^\d{1,20}$/.test(text) && BigInt(text) <= MAX_SEED), SEED_RULE)
  .transform((text) => (text === '-1' ? text : BigInt(text).toString()));

const wholeNumber = (min: number, max: number) =>
  z
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);
const scale = z
  .number('must be a number')
  .min(0, 'must be at least 0')
  .max(LIMITS.guidance, `must be at most ${LIMITS.guidance}`);
const text = z
  .string('must be a text')
  .max(LIMITS.promptCharacters, `must have at most ${LIMITS.promptCharacters} characters`);

export const OUTPUT_FORMATS = ['png', 'jpeg', 'webp'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/**
 * What a caller may say about one edit, besides its pictures. Names are diffusers'.
 * A field that is left out is filled from the checkpoint's edit_config.json, then from the guide's defaults.
 */
export const editParametersSchema = z.strictObject({
  prompt: text,
  /** null means none: no classifier-free guidance. */
  negative_prompt: text.nullable().optional(),
  num_inference_steps: wholeNumber(1, LIMITS.inferenceSteps).optional(),
  true_cfg_scale: scale.optional(),
  /** Accepted and without effect: the model is not guidance-distilled. */
  guidance_scale: scale.optional(),
  seed: seedSchema.optional(),
  num_images_per_prompt: wholeNumber(1, LIMITS.imagesPerPrompt).optional(),
  /** Longest side of each reference picture in pixels, 0 = as it is. It does not limit the output. */
  max_side: wholeNumber(0, LIMITS.maxSide).optional(),
  /** Output pixels, floored to multiples of 2 × the VAE's factor. */
  height: wholeNumber(1, LIMITS.side).optional(),
  width: wholeNumber(1, LIMITS.side).optional(),
  output_format: z.enum(OUTPUT_FORMATS).optional(),
});

/** The names of all parameters. */
export const EDIT_PARAMETER_NAMES: readonly string[] = Object.keys(editParametersSchema.shape);

export type EditParametersInput = z.input<typeof editParametersSchema>;
export type EditParameters = z.output<typeof editParametersSchema>;

/** Parses and checks the parameters of an edit. Throws AppError `prompt_empty`, `prompt_too_long` or `invalid_parameter`. */
export function parseEditParameters(input: unknown): EditParameters {
  const parsed = editParametersSchema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    const tooLong = issue?.code === 'too_big' && (path === 'prompt' || path === 'negative_prompt');
    throw new AppError(
      tooLong ? 'prompt_too_long' : 'invalid_parameter',
      path === '' ? (issue?.message ?? 'invalid') : `${path} ${issue?.message}`,
    );
  }
  if (parsed.data.prompt.trim() === '') throw new AppError('prompt_empty', 'The prompt is empty or blank.');
  return parsed.data;
}
