import {
  type CostParameters,
  DIFFUSERS_AREAS,
  type EstimatedModel,
  GUIDE_DEFAULTS,
  limitSide,
  requireResultSize,
  type Size,
} from '@qwen-edit/contract';
import { calculateDimensions } from '../image/dimensions.ts';
import { type PlannedEdit, tokensOf } from './sequence.ts';

/** Of a prompt that nobody has written yet. */
const USUAL_PROMPT_BYTES = 200;
const USUAL_NEGATIVE_BYTES = GUIDE_DEFAULTS.negative_prompt.length;

/**
 * The edit that a request asks for, in the sizes that the networks see. Throws AppError `invalid_parameter` or `image_ratio` for sizes
 * that the model does not make.
 */
export function plannedEdit(rules: EstimatedModel, pictures: readonly Size[], parameters: CostParameters): PlannedEdit {
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
    guidance: scale > 1 && parameters.negativeBytes !== null,
    numImages: parameters.num_images_per_prompt ?? GUIDE_DEFAULTS.num_images_per_prompt,
    promptTokens: tokensOf(parameters.promptBytes ?? USUAL_PROMPT_BYTES),
    negativeTokens: tokensOf(parameters.negativeBytes ?? USUAL_NEGATIVE_BYTES),
  };
}
