import {
  DIFFUSERS_AREAS,
  GUIDE_DEFAULTS,
  limitSide,
  type ModelFacts,
  requireResultSize,
  type Size,
} from '@qwen-edit/contract';
import { calculateDimensions } from '../image/dimensions.ts';
import { type PlannedEdit, tokensOf } from './sequence.ts';

/** What a model says of edits, as far as it is known. */
export interface EditRules
  extends Partial<
    Pick<
      ModelFacts,
      | 'num_inference_steps'
      | 'true_cfg_scale'
      | 'vae_image_size'
      | 'condition_image_size'
      | 'output_image_size'
      | 'size_multiple'
    >
  > {
  readonly reference_size?: 'area' | 'output' | undefined;
}

/** Parameters of an edit that its cost depends on; those of a job that has ended fit too. */
export interface CostlyParameters {
  readonly prompt?: string | undefined;
  readonly negative_prompt?: string | null | undefined;
  readonly num_inference_steps?: number | undefined;
  readonly true_cfg_scale?: number | undefined;
  readonly num_images_per_prompt?: number | undefined;
  readonly max_side?: number | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** Words of a prompt that nobody has written yet. */
const USUAL_PROMPT = 'x'.repeat(200);

/**
 * The edit that a request asks for, in the sizes that the networks see. Throws AppError `invalid_parameter` or `image_ratio` for sizes
 * that the model does not make.
 */
export function plannedEdit(rules: EditRules, pictures: readonly Size[], parameters: CostlyParameters): PlannedEdit {
  const maxSide = parameters.max_side ?? GUIDE_DEFAULTS.max_side;
  const area = rules.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size;
  const last = pictures.at(-1) ?? { width: 1024, height: 1024 };
  const size = requireResultSize(parameters, last, {
    maxSide,
    area: rules.output_image_size ?? area,
    multiple: rules.size_multiple ?? 16,
  });
  const references = pictures.map((picture) =>
    rules.reference_size === 'output' ? size : calculateDimensions(area, limitSide(picture, maxSide)),
  );
  const scale = parameters.true_cfg_scale ?? rules.true_cfg_scale ?? GUIDE_DEFAULTS.true_cfg_scale;
  return {
    size,
    references,
    conditionArea: rules.condition_image_size ?? DIFFUSERS_AREAS.condition_image_size,
    steps: parameters.num_inference_steps ?? rules.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps,
    guidance: scale > 1 && parameters.negative_prompt !== null,
    numImages: parameters.num_images_per_prompt ?? GUIDE_DEFAULTS.num_images_per_prompt,
    promptTokens: tokensOf(parameters.prompt ?? USUAL_PROMPT),
    negativeTokens: tokensOf(parameters.negative_prompt ?? GUIDE_DEFAULTS.negative_prompt),
  };
}
