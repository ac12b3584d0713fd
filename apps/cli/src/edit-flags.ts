import { parseArgs } from 'node:util';
import { AppError, type EditParametersInput, LIMITS, parseEditParameters } from '@qwen-edit/contract';
import { joinValues, refuseRepeats } from './flag-values.ts';
import { decimalNumber, wholeNumber } from './numbers.ts';
import { outputFormatOf } from './output-paths.ts';

const OPTIONS = {
  model: { type: 'string' },
  image: { type: 'string', multiple: true },
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
  precision: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

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

export const PRECISIONS = ['fp32'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** `qwen-edit edit`, understood. A parameter that was not said is left out: the checkpoint or the guide fills it. */
export interface EditFlags {
  readonly help: boolean;
  readonly json: boolean;
  readonly model: string | undefined;
  readonly images: readonly string[];
  readonly parameters: EditParametersInput;
  readonly precision: Precision;
  readonly out: string;
}

/** True when JSON was asked for, also where the flags cannot be parsed: the error is told in JSON too. */
export function wantsJson(args: readonly string[]): boolean {
  return args.includes('--json');
}

/** Parses the flags. Throws AppError `usage`, `invalid_parameter`, `prompt_empty` or `prompt_too_long`. */
export function parseEditFlags(args: readonly string[]): EditFlags {
  const values = readValues(args);
  if (values.help === true)
    return {
      help: true,
      json: false,
      model: undefined,
      images: [],
      parameters: { prompt: '' },
      precision: 'fp32',
      out: '',
    };
  if (values.image === undefined) throw new AppError('usage', '--image is missing.');
  if (values.image.length > LIMITS.images) {
    throw new AppError('usage', `--image may be given ${LIMITS.images} times at most, not ${values.image.length}.`);
  }
  if (values.prompt === undefined) throw new AppError('usage', '--prompt is missing.');
  if (values.out === undefined) throw new AppError('usage', '--out is missing.');
  if (values['negative-prompt'] !== undefined && values['no-negative-prompt'] === true) {
    throw new AppError('usage', '--negative-prompt and --no-negative-prompt exclude each other.');
  }
  return {
    help: false,
    json: values.json ?? false,
    model: values.model,
    images: values.image,
    parameters: parametersOf(values, values.prompt, values.out),
    precision: precisionOf(values.precision),
    out: values.out,
  };
}

type Values = ReturnType<typeof readValues>;

function readValues(args: readonly string[]) {
  const joined = joinValues(args, OPTIONS);
  try {
    const { values, tokens } = parseArgs({ args: joined, options: OPTIONS, strict: true, tokens: true });
    refuseRepeats(tokens, OPTIONS);
    return values;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    // Node's advice after the first sentence speaks of positional arguments, of which there are none here.
    throw new AppError('usage', `${message.split(/\.\s|\n/)[0]}.`, { cause });
  }
}

function parametersOf(values: Values, prompt: string, out: string): EditParametersInput {
  const given = {
    prompt,
    negative_prompt: values['no-negative-prompt'] === true ? null : values['negative-prompt'],
    num_inference_steps: wholeNumber('--steps', values.steps),
    true_cfg_scale: decimalNumber('--true-cfg-scale', values['true-cfg-scale']),
    guidance_scale: decimalNumber('--guidance-scale', values['guidance-scale']),
    seed: values.seed,
    num_images_per_prompt: wholeNumber('--num-images', values['num-images']),
    max_side: wholeNumber('--max-side', values['max-side']),
    height: wholeNumber('--height', values.height),
    width: wholeNumber('--width', values.width),
    output_format: outputFormatOf(out),
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

function precisionOf(value: string | undefined): Precision {
  const precision = PRECISIONS.find((each) => each === (value ?? 'fp32'));
  if (precision === undefined)
    throw new AppError('usage', `--precision must be one of: ${PRECISIONS.join(', ')}; got '${value}'.`);
  return precision;
}
