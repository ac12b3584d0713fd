import { z } from 'zod';
import { AppError } from './errors.ts';
import { fieldErrorsOf, PARSING } from './field-errors.ts';
import type { ParameterFacts } from './parameter-kinds.ts';
import { PARAMETERS } from './parameters.ts';
import { refuseSizeConflicts } from './size-parameters.ts';

/** Limits of what a request may ask for. */
export const LIMITS = {
  images: 8,
  /** Bytes of one encoded picture. */
  imageBytes: 250_000_000,
  /** Of a search through the list of jobs. */
  searchCharacters: 200,
  // Ranges of parameters stand in their table.
  promptCharacters: PARAMETERS.prompt.maxLength,
  inferenceSteps: PARAMETERS.num_inference_steps.max,
  guidance: PARAMETERS.true_cfg_scale.max,
  imagesPerPrompt: PARAMETERS.num_images_per_prompt.max,
  side: PARAMETERS.width.max,
  maxSide: PARAMETERS.max_side.max,
  outputArea: PARAMETERS.output_area.max,
  /** Pixels of a result and of all its references together: twice those of the largest result. */
  pixelsTogether: 2 * PARAMETERS.width.max ** 2,
} as const;

/**
 * What a caller may say about one edit, besides its pictures: each parameter of the table. A field that is left out is
 * filled from the checkpoint's edit_config.json, then from the guide's defaults.
 */
export const editParametersSchema = z.strictObject(schemasOf(PARAMETERS));

export type EditParametersInput = z.input<typeof editParametersSchema>;
export type EditParameters = z.output<typeof editParametersSchema>;

function schemasOf<T extends Record<string, ParameterFacts>>(table: T): { readonly [N in keyof T]: T[N]['schema'] };
function schemasOf(table: Record<string, ParameterFacts>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(table).map(([name, { schema }]) => [name, schema]));
}

/** Parses and checks the parameters of an edit. Throws AppError `prompt_empty`, `prompt_too_long` or `invalid_parameter`. */
export function parseEditParameters(input: unknown): EditParameters {
  const parsed = editParametersSchema.safeParse(input, PARSING);
  if (!parsed.success) {
    const errors = fieldErrorsOf(parsed.error, 'The parameters', editParametersSchema);
    const [first] = errors;
    const tooLong = first?.code === 'too_long' && (first.path === 'prompt' || first.path === 'negative_prompt');
    throw new AppError(tooLong ? 'prompt_too_long' : 'invalid_parameter', first?.message ?? 'A parameter is wrong.', {
      errors,
    });
  }
  if (parsed.data.prompt.trim() === '') {
    const message = 'The prompt is empty or blank.';
    throw new AppError('prompt_empty', message, {
      errors: [{ path: 'prompt', code: 'required', parameters: {}, message }],
    });
  }
  refuseSizeConflicts(parsed.data);
  return parsed.data;
}
