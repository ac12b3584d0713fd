import { computed, type ReadonlySignal, type Signal } from '@preact/signals';
import {
  type ChoiceName,
  type EditKind,
  isSeed,
  isSliderName,
  type Job,
  type NumberName,
  type OfferedPreset,
  type ServedModel,
} from '@qwen-edit/contract';
import { kindOfPrompt } from '../lib/example-prompts.ts';
import { withExample } from '../lib/loras.ts';
import { type FormValues, recommendedValue, requestParameters, withChoice } from '../lib/parameters.ts';
import { formInForce, presetInForce } from '../lib/presets.ts';
import type { ServiceLimits } from '../lib/service-limits.ts';
import type { PictureList } from './picture-list.ts';
import type { Submitter } from './submitter.ts';

/** Why the form cannot be sent. */
export type Obstacle =
  | 'no_picture'
  | 'too_many_pictures'
  | 'no_prompt'
  | 'prompt_too_long'
  | 'bad_seed'
  | 'sending'
  | 'later';

/** The form of an edit. */
export interface EditForm {
  readonly form: Signal<FormValues>;
  /** What of the form is sent: without what the model does not offer. */
  readonly inForce: ReadonlySignal<FormValues>;
  /** What fills in what the form leaves open; undefined for the standard. */
  readonly preset: ReadonlySignal<OfferedPreset | undefined>;
  readonly pictures: PictureList;
  readonly submitter: Submitter;
  /** The first reason why the form cannot be sent; undefined if it can. */
  readonly obstacle: ReadonlySignal<Obstacle | undefined>;
  /** How many more pictures the prompt needs, if the model's list says so. */
  readonly missingPictures: ReadonlySignal<number>;
  set(values: Partial<FormValues>): void;
  /** undefined: as the preset or the model recommends. */
  setNumber(name: NumberName, value: number | undefined): void;
  setChoice(name: ChoiceName, value: string): void;
  /** Takes over a prompt, and the LoRA that its kind of edit needs. */
  takeExample(prompt: string, edit?: Pick<EditKind, 'lora'>): void;
  /** undefined if no job was made; the submitter's phase says why. */
  submit(): Promise<Job | undefined>;
}

export interface EditFormDeps {
  readonly form: Signal<FormValues>;
  readonly pictures: PictureList;
  readonly submitter: Submitter;
  readonly limits: ReadonlySignal<ServiceLimits>;
  readonly model: ReadonlySignal<ServedModel | undefined>;
}

export function createEditForm({ form, pictures, submitter, limits, model }: EditFormDeps): EditForm {
  const obstacle = computed((): Obstacle | undefined => {
    const { prompt, negative_prompt, seed } = form.value;
    const { images, promptCharacters: most } = limits.value;
    if (submitter.phase.value.name === 'sending' || submitter.phase.value.name === 'reconnecting') return 'sending';
    if (pictures.list.value.length === 0) return 'no_picture';
    if (pictures.list.value.length > images) return 'too_many_pictures';
    if (prompt.trim() === '') return 'no_prompt';
    if (prompt.length > most || (negative_prompt ?? '').length > most) return 'prompt_too_long';
    if (!isSeed(seed)) return 'bad_seed';
    return submitter.phase.value.name === 'later' ? 'later' : undefined;
  });

  const inForce = computed(() => formInForce(form.value, model.value));
  const preset = computed(() => presetInForce(form.value, model.value));

  const missingPictures = computed(() => {
    const edit = kindOfPrompt(form.value.prompt, model.value);
    return Math.max(0, (edit?.pictures ?? 1) - Math.max(1, pictures.list.value.length));
  });

  return {
    form,
    inForce,
    preset,
    pictures,
    submitter,
    obstacle,
    missingPictures,
    set(values) {
      form.value = { ...form.value, ...values };
      if (submitter.phase.value.name === 'refused') submitter.reset();
    },
    setNumber(name, value) {
      const { [name]: _, ...others } = form.value.numbers;
      // What holds anyway is no wish, and follows the preset that is chosen next.
      const holds =
        model.value !== undefined && isSliderName(name) && value === recommendedValue(name, model.value, preset.value);
      this.set({ numbers: value === undefined || holds ? others : { ...others, [name]: value } });
    },
    setChoice(name, value) {
      this.set({ choices: withChoice(form.value, name, value, preset.value) });
    },
    takeExample(prompt, edit) {
      this.set({ prompt, loras: withExample(form.value.loras, edit?.lora, model.value) });
    },
    submit() {
      const parameters = requestParameters(inForce.value);
      const list = pictures.list.value;
      const sameAs = JSON.stringify([parameters, list.map(({ id }) => id)]);
      return submitter.submit(
        list.map(({ file }) => file),
        parameters,
        sameAs,
      );
    },
  };
}
