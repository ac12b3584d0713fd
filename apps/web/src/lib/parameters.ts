import {
  CHOICE_NAMES,
  type ChoiceName,
  GUIDE_DEFAULTS,
  isShownName,
  type Job,
  type LoraRef,
  NUMBER_NAMES,
  type NumberName,
  PARAMETER_NAMES,
  PARAMETERS,
  type Preset,
  parameterFacts,
  type ServedModel,
  type ShownName,
  type SliderName,
  sidesOfSize,
} from '@qwen-edit/contract';
import { type FormLora, loraRefs, lorasOfInput } from './loras.ts';

/** What the form says. A number or choice that is left out is as the preset says, else as the model recommends. */
export interface FormValues {
  readonly prompt: string;
  /** Empty: the model's own. null: none, which only a job of the API asks for. */
  readonly negative_prompt: string | null;
  readonly seed: string;
  readonly numbers: Readonly<Partial<Record<NumberName, number>>>;
  readonly choices: Readonly<Partial<Record<ChoiceName, string>>>;
  /** Its name; undefined: none, which is what the page calls the standard. */
  readonly preset: string | undefined;
  /** Those that are on. */
  readonly loras: readonly FormLora[];
}

export const EMPTY_FORM: FormValues = {
  prompt: '',
  negative_prompt: '',
  seed: GUIDE_DEFAULTS.seed,
  numbers: {},
  choices: {},
  preset: undefined,
  loras: [],
};

/** The preset that changes nothing. */
export const STANDARD = 'standard';

/** Parameters with a control on the page, in the order of their controls. */
export const SHOWN_PARAMETERS: readonly ShownName[] = PARAMETER_NAMES.filter(isShownName).sort(
  (a, b) => PARAMETERS[a].page.position - PARAMETERS[b].page.position,
);
export const isAdvanced = (name: ShownName): boolean => parameterFacts(name).page?.advanced === true;

export interface SliderRange {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** What may be typed beyond the slider's ends. */
  readonly typedMin: number;
  readonly typedMax: number;
  readonly recommended: number;
}

/** The range of a slider: the table's, or one of its own for fewer steps than the slider begins with. */
export function rangeOf(name: SliderName, model: ServedModel | undefined, preset?: Preset): SliderRange {
  const { min: typedMin, max: typedMax, page } = PARAMETERS[name];
  const recommended = recommendedValue(name, model, preset);
  const range = { ...page.slider, typedMin, typedMax, recommended };
  if (name !== 'num_inference_steps') return range;
  const fewest = model?.limits.min_inference_steps ?? typedMin;
  const own = recommended < range.min ? { min: fewest, max: Math.max(8, recommended * 4) } : {};
  return { ...range, ...own, typedMin: fewest };
}

/** What holds if the request does not say: the preset's value, else the model's own, else the guide's default. */
export function recommendedValue(name: SliderName, model: ServedModel | undefined, preset?: Preset): number {
  const ofPreset = name === 'num_inference_steps' || name === 'true_cfg_scale' ? preset?.[name] : undefined;
  const said = model?.defaults[name];
  return ofPreset ?? (typeof said === 'number' ? said : GUIDE_DEFAULTS[name]);
}

/** A typed number made to fit: within bounds, with as many digits as the slider's step has. */
export function fitNumber(
  value: number,
  { step, typedMin, typedMax }: Pick<SliderRange, 'step' | 'typedMin' | 'typedMax'>,
): number {
  const parts = step < 0.1 ? 100 : step < 1 ? 10 : 1;
  const rounded = Math.round(value * parts) / parts;
  return Math.min(typedMax, Math.max(typedMin, rounded));
}

/** The word that was chosen; undefined for none, and for one that is no longer in the list. */
export function chosenWord({ choices }: Pick<FormValues, 'choices'>, name: ChoiceName): string | undefined {
  return parameterFacts(name).choices?.find((each) => each === choices[name]);
}

/** The chosen word, else that of the preset, else the guide's default. */
export function choiceOf(form: Pick<FormValues, 'choices'>, name: ChoiceName, preset?: Preset): string {
  return chosenWord(form, name) ?? unchosen(name, preset);
}

function unchosen(name: ChoiceName, preset: Preset | undefined): string {
  const ofPreset = name === 'output_format' ? undefined : preset?.[name];
  return ofPreset ?? PARAMETERS[name].default;
}

/** The same form with this word; one that holds anyway is left to the service, so that it is no wish. */
export function withChoice(
  { choices }: Pick<FormValues, 'choices'>,
  name: ChoiceName,
  value: string,
  preset?: Preset,
): FormValues['choices'] {
  const { [name]: _, ...others } = choices;
  return value === unchosen(name, preset) ? others : { ...others, [name]: value };
}

/** True if everything but the prompt is as the model recommends. */
export function isAsRecommended(form: FormValues): boolean {
  return (
    (form.preset ?? STANDARD) === STANDARD &&
    form.loras.length === 0 &&
    Object.keys(form.numbers).length === 0 &&
    form.seed === EMPTY_FORM.seed &&
    (form.negative_prompt ?? '') === '' &&
    CHOICE_NAMES.every(
      (name) => (chosenWord(form, name) ?? parameterFacts(name).default) === parameterFacts(name).default,
    )
  );
}

/** The parameters of the request: what the form leaves to the model is left out. */
export function requestParameters(form: FormValues): Record<string, string | number | null | readonly LoraRef[]> {
  const { prompt, negative_prompt, seed, numbers, preset, loras } = form;
  return {
    prompt,
    ...(preset === undefined ? {} : { preset }),
    ...(loras.length === 0 ? {} : { lora: loraRefs(loras) }),
    ...(negative_prompt === '' ? {} : { negative_prompt }),
    ...numbers,
    seed: seed.trim(),
    ...Object.fromEntries(
      CHOICE_NAMES.flatMap((name) => {
        const word = chosenWord(form, name);
        return word === undefined ? [] : [[name, word]];
      }),
    ),
  };
}

/** The form that would submit a job again. */
export function formOfJob({ input }: Pick<Job, 'input'>): FormValues {
  const numbers: Partial<Record<NumberName, number>> = {};
  for (const name of NUMBER_NAMES) {
    const value = input[name];
    if (typeof value === 'number') numbers[name] = value;
  }
  const sides = typeof input.size === 'string' ? sidesOfSize(input.size) : undefined;
  const choices: Partial<Record<ChoiceName, string>> = {};
  for (const name of CHOICE_NAMES) {
    const value = input[name];
    if (typeof value === 'string') choices[name] = value;
  }
  const { prompt, negative_prompt, seed, preset } = input;
  return {
    prompt: typeof prompt === 'string' ? prompt : '',
    negative_prompt: typeof negative_prompt === 'string' ? negative_prompt : negative_prompt === null ? null : '',
    seed: typeof seed === 'string' || typeof seed === 'number' ? String(seed) : EMPTY_FORM.seed,
    numbers: { ...numbers, ...sides },
    choices,
    preset: typeof preset === 'string' ? preset : undefined,
    loras: lorasOfInput(input.lora),
  };
}
