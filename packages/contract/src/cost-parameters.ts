import type { EditParameters } from './edit-parameters.ts';
import type { ModelEstimate } from './estimate.ts';
import type { ModelFacts } from './model-facts.ts';
import type { Size } from './picture-size.ts';
import type { OfferedPreset } from './presets.ts';
import type { SizeParameters } from './size-parameters.ts';

/** Any of it may be left out, or be undefined. */
type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };
export type SomeParameters = Loose<EditParameters>;

type Filled = 'num_inference_steps' | 'true_cfg_scale' | 'num_images_per_prompt' | 'speed';

/** Parameters that the cost of an edit depends on, those of a finished job too. Of its texts only the lengths count. */
export interface CostParameters extends SizeParameters, Loose<Pick<EditParameters, Filled>> {
  /** Of the prompt in UTF-8; a usual one if left out. */
  readonly promptBytes?: number | undefined;
  /** Of the negative prompt; null: there is none, and so no guidance. */
  readonly negativeBytes?: number | null | undefined;
}

/** An edit that was made: its pictures before anything was done to them, and the seconds of its stages. */
export interface PastEdit {
  readonly pictures: readonly Size[];
  readonly parameters: CostParameters;
  readonly encode_s: number;
  readonly denoise_s: number;
  readonly decode_s: number;
}

/** What is known of a model, its device and its machine. Workers of older versions report less. */
export type EstimatedModel = Loose<Omit<ModelFacts, 'card' | 'presets' | 'loras'>> & {
  readonly presets?: readonly OfferedPreset[] | undefined;
};

/** What is expected of an edit, but for the names of the model that makes it. */
export type EditEstimate = Omit<ModelEstimate, 'id' | 'digest' | 'ready' | 'workers'>;

/** What a loaded model can take. What older workers do not report is null. */
export interface ModelCapacity {
  /** Pixels of the largest square result with one picture that its memory allows. */
  readonly largest_output_area: number | null;
  /** How long an edit takes of which a request says nothing, with one picture of 1024 × 1024. */
  readonly usual_seconds: ModelEstimate['seconds'];
}

/** What of an edit's parameters its cost depends on. */
export function costOf({ prompt, negative_prompt, ...others }: SomeParameters): CostParameters {
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  return {
    ...others,
    ...(prompt === undefined ? {} : { promptBytes: bytes(prompt) }),
    ...(negative_prompt === undefined
      ? {}
      : { negativeBytes: negative_prompt === null ? null : bytes(negative_prompt) }),
  };
}
