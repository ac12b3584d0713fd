import {
  type CostParameters,
  DIFFUSERS_AREAS,
  type EstimatedModel,
  GUIDE_DEFAULTS,
  requireEditSizes,
  type Size,
  withPreset,
} from '@qwen-edit/contract';
import { type PlannedEdit, tokensOf } from './sequence.ts';

/** Of a prompt that nobody has written yet. */
const USUAL_PROMPT_BYTES = 200;
const USUAL_NEGATIVE_BYTES = GUIDE_DEFAULTS.negative_prompt.length;
/** Of the real model, where a model does not say. */
const USUAL_MULTIPLE = 16;

/**
 * The edit that a request asks for, in the sizes that the networks see. Throws AppError `invalid_parameter` or `image_ratio` for sizes
 * that the model does not make.
 */
export function plannedEdit(rules: EstimatedModel, pictures: readonly Size[], said: CostParameters): PlannedEdit {
  const parameters = withPreset(said, rules.presets);
  const sizes = requireEditSizes(parameters, pictures, {
    ...rules,
    size_multiple: rules.size_multiple ?? USUAL_MULTIPLE,
  });
  const scale = parameters.true_cfg_scale ?? rules.true_cfg_scale ?? GUIDE_DEFAULTS.true_cfg_scale;
  return {
    size: sizes.result,
    references: sizes.references.map(({ width, height }) => ({ width, height })),
    conditionArea: rules.condition_image_size ?? DIFFUSERS_AREAS.condition_image_size,
    steps: parameters.num_inference_steps ?? rules.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps,
    speed: parameters.speed ?? GUIDE_DEFAULTS.speed,
    guidance: scale > 1 && parameters.negativeBytes !== null,
    numImages: parameters.num_images_per_prompt ?? GUIDE_DEFAULTS.num_images_per_prompt,
    promptTokens: tokensOf(parameters.promptBytes ?? USUAL_PROMPT_BYTES),
    negativeTokens: tokensOf(parameters.negativeBytes ?? USUAL_NEGATIVE_BYTES),
  };
}

/** The same parameters with the preset `draft` in place of what they say of sizes. */
export function draftParameters(parameters: CostParameters): CostParameters {
  const {
    width: _width,
    height: _height,
    size: _size,
    output_area: _area,
    reference_size: _kind,
    ...others
  } = parameters;
  return { ...others, preset: 'draft' };
}
