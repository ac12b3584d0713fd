import {
  AppError,
  DIFFUSERS_AREAS,
  GUIDE_DEFAULTS,
  limitSide,
  roundedDimensions,
  type ShapeRules,
  type Size,
} from '@qwen-edit/contract';
import { isBeyondRatio, MAX_RATIO } from './dimensions.ts';

/**
 * Checks that a picture of `size`, orientation applied, is not too narrow for the pipeline. It needs neither model nor pixels.
 * Rules that are left out have the guide's and diffusers' values. Throws AppError `image_ratio`, which begins with `label`.
 */
export function checkImageShape(size: Size, label: string, rules: ShapeRules = {}): void {
  const refuse = (why: string): never => {
    throw new AppError('image_ratio', `${label} of ${size.width} × ${size.height} is too narrow: ${why}.`);
  };
  const limited = limitSide(size, rules.max_side ?? GUIDE_DEFAULTS.max_side);
  const at = (area: number): Size => {
    const rounded = roundedDimensions(area, limited);
    return Math.min(rounded.width, rounded.height) === 0
      ? refuse(`at ${area} pixels a side would round to 0`)
      : rounded;
  };
  const condition = at(rules.condition_image_size ?? DIFFUSERS_AREAS.condition_image_size);
  at(rules.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size);
  if (isBeyondRatio(condition)) refuse(`the ratio of its sides is above ${MAX_RATIO}`);
}
