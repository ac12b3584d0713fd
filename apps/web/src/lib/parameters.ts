import {
  CHOICE_NAMES,
  type ChoiceName,
  GUIDE_DEFAULTS,
  isShownName,
  type Job,
  NUMBER_NAMES,
  type NumberName,
  PARAMETER_NAMES,
  PARAMETERS,
  PRESETS,
  parameterFacts,
  type ServedModel,
  type ShownName,
  type SliderName,
  sidesOfSize,
} from '@qwen-edit/contract';

/** What the form says. A number or choice that is left out is as the model recommends. */
export interface FormValues {
  readonly prompt: string;
  /** Empty: the model's own. null: none, which only a job of the API asks for. */
  readonly negative_prompt: string | null;
  readonly seed: string;
  readonly numbers: Readonly<Partial<Record<NumberName, number>>>;
  readonly choices: Readonly<Partial<Record<ChoiceName, string>>>;
}

export const EMPTY_FORM: FormValues = {
  prompt: '',
  negative_prompt: '',
  seed: GUIDE_DEFAULTS.seed,
  numbers: {},
  choices: {},
};

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

/** The range of a slider: the table's, or the model's own if it needs fewer steps than the slider begins with. */
export function rangeOf(name: SliderName, model: ServedModel | undefined): SliderRange {
  const { min: typedMin, max: typedMax, page } = PARAMETERS[name];
  const recommended = recommendedValue(name, model);
  const range = { ...page.slider, typedMin, typedMax, recommended };
  if (name !== 'num_inference_steps') return range;
  const fewest = model?.limits.min_inference_steps ?? typedMin;
  const own = recommended < range.min ? { min: fewest, max: Math.max(8, recommended * 4) } : {};
  return { ...range, ...own, typedMin: fewest };
}

/** What the model takes if the request does not say: its own recommendation, else the guide's default. */
export function recommendedValue(name: SliderName, model: ServedModel | undefined): number {
  const said = model?.defaults[name];
  return typeof said === 'number' ? said : GUIDE_DEFAULTS[name];
}

/** A typed number made to fit: within bounds, whole where the slider's step is. */
export function fitNumber(value: number, { step, typedMin, typedMax }: SliderRange): number {
  const rounded = step < 1 ? Math.round(value * 10) / 10 : Math.round(value);
  return Math.min(typedMax, Math.max(typedMin, rounded));
}

/** The word that was chosen; undefined for none, and for one that is no longer in the list. */
export function chosenWord({ choices }: Pick<FormValues, 'choices'>, name: ChoiceName): string | undefined {
  return parameterFacts(name).choices?.find((each) => each === choices[name]);
}

/** The chosen word, else that of the chosen preset, else the guide's default. */
export function choiceOf(form: Pick<FormValues, 'choices'>, name: Exclude<ChoiceName, 'preset'>): string {
  return chosenWord(form, name) ?? unchosen(form, name);
}

function unchosen(form: Pick<FormValues, 'choices'>, name: Exclude<ChoiceName, 'preset'>): string {
  const draft = chosenWord(form, 'preset') === 'draft' && name === 'reference_size';
  return draft ? PRESETS.draft.reference_size : PARAMETERS[name].default;
}

/** The same form with this word; one that holds anyway is left to the service, so that it is no wish. */
export function withChoice(
  { choices }: Pick<FormValues, 'choices'>,
  name: Exclude<ChoiceName, 'preset'>,
  value: string,
): FormValues['choices'] {
  const { [name]: _, ...others } = choices;
  return value === unchosen({ choices }, name) ? others : { ...others, [name]: value };
}

/** True if everything but the prompt is as the model recommends. */
export function isAsRecommended(form: FormValues): boolean {
  return (
    Object.keys(form.numbers).length === 0 &&
    form.seed === EMPTY_FORM.seed &&
    (form.negative_prompt ?? '') === '' &&
    CHOICE_NAMES.every(
      (name) => (chosenWord(form, name) ?? parameterFacts(name).default) === parameterFacts(name).default,
    )
  );
}

/** The parameters of the request: what the form leaves to the model is left out. */
export function requestParameters(form: FormValues): Record<string, string | number | null> {
  const { prompt, negative_prompt, seed, numbers } = form;
  return {
    prompt,
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
  const { prompt, negative_prompt, seed } = input;
  return {
    prompt: typeof prompt === 'string' ? prompt : '',
    negative_prompt: typeof negative_prompt === 'string' ? negative_prompt : negative_prompt === null ? null : '',
    seed: typeof seed === 'string' || typeof seed === 'number' ? String(seed) : EMPTY_FORM.seed,
    numbers: { ...numbers, ...sides },
    choices,
  };
}
