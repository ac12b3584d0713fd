import { effect, type ReadonlySignal, signal } from '@preact/signals';
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
  let latest = '';

  async function ask(wanted: string): Promise<void> {
    const answer = await callService((client) => client.estimate(JSON.parse(wanted)));
    if (wanted !== latest) return;
    const [first] = answer.ok ? answer.value.models : [];
    expected.value = answer.ok && first !== undefined ? { model: first, queue: answer.value.queue } : undefined;
  }

  effect(() => {
    const images = pictures.value.flatMap(({ size }) => (size === undefined ? [] : [size]));
    const complete = images.length > 0 && images.length === pictures.value.length;
    // A model that is loaded, or another one, changes what is expected.
    const digest = model.value?.digest ?? model.value?.id;
    // The prompt's length hardly counts, and its letters would ask again and again.
    const { prompt: _prompt, seed: _seed, output_format: _format, ...parameters } = requestParameters(form.value);
    latest = complete && digest !== undefined ? JSON.stringify({ images, parameters }) : '';
    expected.value = undefined;
    if (latest === '') return;
    const timer = setTimeout((wanted: string) => void ask(wanted), settleMs, latest);
    return () => clearTimeout(timer);
  });
  return expected;
}
