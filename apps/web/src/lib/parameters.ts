import { GUIDE_DEFAULTS, type Job, LIMITS, type Model, OUTPUT_FORMATS, type OutputFormat } from '@qwen-edit/contract';

/** Parameters that a slider sets. Names are the API's. */
export const NUMBER_NAMES = [
  'num_inference_steps',
  'true_cfg_scale',
  'guidance_scale',
  'max_side',
  'num_images_per_prompt',
] as const;
export type NumberName = (typeof NUMBER_NAMES)[number];

/** What the form says. undefined: as the model recommends. */
export interface FormValues {
  readonly prompt: string;
  /** Empty: the model's own. null: none, which only a job of the API asks for. */
  readonly negative_prompt: string | null;
  readonly seed: string;
  readonly numbers: Readonly<Partial<Record<NumberName, number>>>;
  readonly output_format: OutputFormat;
  readonly width: number | undefined;
  readonly height: number | undefined;
}

export const EMPTY_FORM: FormValues = {
  prompt: '',
  negative_prompt: '',
  seed: GUIDE_DEFAULTS.seed,
  numbers: {},
  output_format: GUIDE_DEFAULTS.output_format,
  width: undefined,
  height: undefined,
};

export interface Range {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** What may be typed beyond the slider's ends. */
  readonly typedMin: number;
  readonly typedMax: number;
  readonly recommended: number;
}

/** Models that need fewer steps than the guide's slider begins with get a slider of their own. */
const GUIDE_STEPS = { min: 10, max: 80 } as const;

/** The guide's ranges, and the model's own where it asks for others. */
export function rangesOf(model: Model | undefined): Readonly<Record<NumberName, Range>> {
  const recommended = (name: NumberName): number => {
    const said = model?.defaults[name];
    return typeof said === 'number' ? said : GUIDE_DEFAULTS[name];
  };
  const steps = recommended('num_inference_steps');
  const fewest = model?.limits.min_inference_steps ?? 1;
  const ownSteps = steps < GUIDE_STEPS.min ? { min: fewest, max: Math.max(8, steps * 4) } : GUIDE_STEPS;
  const { guidance } = LIMITS;
  return {
    num_inference_steps: {
      ...ownSteps,
      step: 1,
      typedMin: fewest,
      typedMax: LIMITS.inferenceSteps,
      recommended: steps,
    },
    true_cfg_scale: {
      min: 1,
      max: 8,
      step: 0.1,
      typedMin: 0,
      typedMax: guidance,
      recommended: recommended('true_cfg_scale'),
    },
    guidance_scale: {
      min: 0.5,
      max: 3,
      step: 0.1,
      typedMin: 0,
      typedMax: guidance,
      recommended: recommended('guidance_scale'),
    },
    max_side: {
      min: 0,
      max: 2048,
      step: 64,
      typedMin: 0,
      typedMax: LIMITS.maxSide,
      recommended: recommended('max_side'),
    },
    num_images_per_prompt: {
      min: 1,
      max: LIMITS.imagesPerPrompt,
      step: 1,
      typedMin: 1,
      typedMax: LIMITS.imagesPerPrompt,
      recommended: recommended('num_images_per_prompt'),
    },
  };
}

/** A typed number made to fit: within bounds, whole where the slider's step is. */
export function fitNumber(value: number, { step, typedMin, typedMax }: Range): number {
  const rounded = step < 1 ? Math.round(value * 10) / 10 : Math.round(value);
  return Math.min(typedMax, Math.max(typedMin, rounded));
}

/** The parameters of the request: what the form leaves to the model is left out. */
export function parametersOf(form: FormValues): Record<string, string | number | null> {
  const { prompt, negative_prompt, seed, numbers, output_format, width, height } = form;
  return {
    prompt,
    ...(negative_prompt === '' ? {} : { negative_prompt }),
    ...numbers,
    seed: seed.trim(),
    output_format,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  };
}

/** The form that would submit a job again. */
export function formOfJob({ input }: Pick<Job, 'input'>): FormValues {
  const numbers: Partial<Record<NumberName, number>> = {};
  for (const name of NUMBER_NAMES) {
    const value = numberOf(input[name]);
    if (value !== undefined) numbers[name] = value;
  }
  const { prompt, negative_prompt, seed, output_format } = input;
  return {
    prompt: typeof prompt === 'string' ? prompt : '',
    negative_prompt: typeof negative_prompt === 'string' ? negative_prompt : negative_prompt === null ? null : '',
    seed: typeof seed === 'string' || typeof seed === 'number' ? String(seed) : EMPTY_FORM.seed,
    numbers,
    output_format: OUTPUT_FORMATS.find((format) => format === output_format) ?? EMPTY_FORM.output_format,
    width: numberOf(input.width),
    height: numberOf(input.height),
  };
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
