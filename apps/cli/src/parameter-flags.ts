import { AppError, type EditParametersInput, type OutputFormat, parseEditParameters } from '@qwen-edit/contract';
import { decimalNumber, wholeNumber } from './numbers.ts';

/** Flags of the parameters of an edit, the same for every command that takes them. */
export const PARAMETER_OPTIONS = {
  prompt: { type: 'string' },
  'negative-prompt': { type: 'string' },
  'no-negative-prompt': { type: 'boolean' },
  steps: { type: 'string' },
  'true-cfg-scale': { type: 'string' },
  'guidance-scale': { type: 'string' },
  seed: { type: 'string' },
  'num-images': { type: 'string' },
  'max-side': { type: 'string' },
  height: { type: 'string' },
  width: { type: 'string' },
} as const;

export type ParameterValues = {
  readonly [Name in keyof typeof PARAMETER_OPTIONS]?: Name extends 'no-negative-prompt'
    ? boolean | undefined
    : string | undefined;
};

/** Flag of each parameter, to speak of it as the caller wrote it. */
const FLAG_OF: Readonly<Record<string, string>> = {
  prompt: '--prompt',
  negative_prompt: '--negative-prompt',
  num_inference_steps: '--steps',
  true_cfg_scale: '--true-cfg-scale',
  guidance_scale: '--guidance-scale',
  seed: '--seed',
  num_images_per_prompt: '--num-images',
  max_side: '--max-side',
  height: '--height',
  width: '--width',
};

/** The parameters that the flags say, checked; what was not said is left out. Throws AppError that names the flag. */
export function parametersOf(values: ParameterValues, outputFormat: OutputFormat | undefined): EditParametersInput {
  if (values.prompt === undefined) throw new AppError('usage', '--prompt is missing.');
  if (values['negative-prompt'] !== undefined && values['no-negative-prompt'] === true) {
    throw new AppError('usage', '--negative-prompt and --no-negative-prompt exclude each other.');
  }
  const given = {
    prompt: values.prompt,
    negative_prompt: values['no-negative-prompt'] === true ? null : values['negative-prompt'],
    num_inference_steps: wholeNumber('--steps', values.steps),
    true_cfg_scale: decimalNumber('--true-cfg-scale', values['true-cfg-scale']),
    guidance_scale: decimalNumber('--guidance-scale', values['guidance-scale']),
    seed: values.seed,
    num_images_per_prompt: wholeNumber('--num-images', values['num-images']),
    max_side: wholeNumber('--max-side', values['max-side']),
    height: wholeNumber('--height', values.height),
    width: wholeNumber('--width', values.width),
    output_format: outputFormat,
  };
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  try {
    return parseEditParameters(said);
  } catch (error) {
    throw error instanceof AppError ? inFlags(error) : error;
  }
}

function inFlags(error: AppError): AppError {
  const name = /^\w+/.exec(error.message)?.[0] ?? '';
  const flag = FLAG_OF[name];
  if (flag === undefined) return error;
  return new AppError(error.code, `${flag}${error.message.slice(name.length)}.`, { hint: error.hint, cause: error });
}
