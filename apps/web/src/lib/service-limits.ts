import { LIMITS, type ModelList } from '@qwen-edit/contract';
import type { IntakeLimits } from './check-files.ts';

export interface ServiceLimits extends IntakeLimits {
  readonly promptCharacters: number;
}

const BODY_BYTES = 100_000_000;

/** What the service allows, and no more pictures than its model takes. Without an answer, what this version allows. */
export function limitsOf(models: ModelList | undefined): ServiceLimits {
  const limit = (name: string, otherwise: number): number => {
    const said = models?.limits[name];
    return typeof said === 'number' ? said : otherwise;
  };
  const images = limit('images', LIMITS.images);
  return {
    images: Math.min(images, models?.data[0]?.limits.max_images ?? images),
    imageBytes: limit('image_bytes', LIMITS.imageBytes),
    bodyBytes: limit('body_bytes', BODY_BYTES),
    promptCharacters: limit('prompt_characters', LIMITS.promptCharacters),
  };
}
