import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import type { Estimate, ModelEstimate, ServedModel } from '@qwen-edit/contract';
import type { CallService } from '../api/call-result.ts';
import { type FormValues, requestParameters } from '../lib/parameters.ts';
import type { EditorPicture } from './picture-list.ts';

/** What is expected of the edit of the form. */
export interface ExpectedEdit {
  readonly model: ModelEstimate;
  readonly queue: Estimate['queue'];
}

export interface EstimatorDeps {
  readonly callService: CallService;
  readonly form: ReadonlySignal<FormValues>;
  readonly pictures: ReadonlySignal<readonly EditorPicture[]>;
  readonly model: ReadonlySignal<ServedModel | undefined>;
  /** How long the form has to stay as it is before the service is asked. */
  readonly settleMs?: number;
}

const SETTLE_MS = 600;

/**
 * Asks what the edit of the form needs and takes, once the form has stayed as it is for a moment. It says nothing while there is no
 * picture whose size is known, and where the service does not answer or knows nothing: an edit can be sent all the same.
 */
export function createEstimator({
  callService,
  form,
  pictures,
  model,
  settleMs = SETTLE_MS,
}: EstimatorDeps): ReadonlySignal<ExpectedEdit | undefined> {
  const expected = signal<ExpectedEdit | undefined>(undefined);

  /** The request as JSON, so that it changes only if what it says does; empty if there is nothing to ask. */
  const wanted = computed(() => {
    const images = pictures.value.flatMap(({ size }) => (size === undefined ? [] : [size]));
    const complete = images.length > 0 && images.length === pictures.value.length;
    // The prompt's length hardly counts, and its letters would ask again and again.
    const { prompt: _prompt, seed: _seed, output_format: _format, ...parameters } = requestParameters(form.value);
    return complete ? JSON.stringify({ images, parameters }) : '';
  });
  const digest = computed(() => model.value?.digest ?? model.value?.id);

  async function ask(asked: string): Promise<void> {
    const answer = await callService((client) => client.estimate(JSON.parse(asked)));
    if (asked !== wanted.value) return;
    const [first] = answer.ok ? answer.value.models : [];
    expected.value = answer.ok && first !== undefined ? { model: first, queue: answer.value.queue } : undefined;
  }

  effect(() => {
    const asked = digest.value === undefined ? '' : wanted.value;
    // What was expected stays until the answer, so that the page does not jump.
    if (asked === '') expected.value = undefined;
    if (asked === '') return;
    const timer = setTimeout(() => void ask(asked), settleMs);
    return () => clearTimeout(timer);
  });
  return expected;
}
