import { computed, type ReadonlySignal, type Signal } from '@preact/signals';
import { type ChoiceName, isSeed, type Job, type NumberName, type ServedModel } from '@qwen-edit/contract';
import { type FormValues, requestParameters, withChoice } from '../lib/parameters.ts';
import type { PictureList } from './picture-list.ts';
import type { ServiceLimits } from './service-info.ts';
import type { Submitter } from './submitter.ts';

/** Why the form cannot be sent. */
export type Obstacle = 'no_picture' | 'no_prompt' | 'prompt_too_long' | 'bad_seed' | 'sending' | 'later';

/** The form of an edit. */
export interface EditForm {
  readonly form: Signal<FormValues>;
  readonly pictures: PictureList;
  readonly submitter: Submitter;
  /** The first reason why the form cannot be sent; undefined if it can. */
  readonly obstacle: ReadonlySignal<Obstacle | undefined>;
  /** How many more pictures the prompt needs, if the model's list says so. */
  readonly missingPictures: ReadonlySignal<number>;
  set(values: Partial<FormValues>): void;
  /** undefined: as the model recommends. */
  setNumber(name: NumberName, value: number | undefined): void;
  setChoice(name: Exclude<ChoiceName, 'preset'>, value: string): void;
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
    const most = limits.value.promptCharacters;
    if (submitter.phase.value.name === 'sending' || submitter.phase.value.name === 'reconnecting') return 'sending';
    if (pictures.list.value.length === 0) return 'no_picture';
    if (prompt.trim() === '') return 'no_prompt';
    if (prompt.length > most || (negative_prompt ?? '').length > most) return 'prompt_too_long';
    if (!isSeed(seed)) return 'bad_seed';
    return submitter.phase.value.name === 'later' ? 'later' : undefined;
  });

  const missingPictures = computed(() => {
    const prompt = form.value.prompt.trim();
    const edit = model.value?.edits.find(({ prompts }) => [...prompts.en, ...prompts.zh].includes(prompt));
    return Math.max(0, (edit?.pictures ?? 1) - Math.max(1, pictures.list.value.length));
  });

  return {
    form,
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
      this.set({ numbers: value === undefined ? others : { ...others, [name]: value } });
    },
    setChoice(name, value) {
      this.set({ choices: withChoice(form.value, name, value) });
    },
    submit() {
      const parameters = requestParameters(form.value);
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
