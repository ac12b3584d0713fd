import { AppError, type EditParameters, LIMITS, parseEditParameters, requirePictureCount } from '@qwen-edit/contract';
import { checkImageBytes } from './image/file-size.ts';

/** A request whose parameters are not parsed yet. */
export interface UncheckedRequest {
  readonly images: readonly Uint8Array[];
  readonly parameters: unknown;
}

/**
 * Checks what can be checked without decoding a picture. Returns the parameters, parsed. `maxImages`: how many pictures the
 * model takes, if it is known.
 * Throws AppError `prompt_empty`, `prompt_too_long`, `invalid_parameter` or `image_too_large`.
 */
export function checkRequest(
  { images, parameters }: UncheckedRequest,
  maxImages: number = LIMITS.images,
): EditParameters {
  const parsed = parseEditParameters(parameters);
  if (!Array.isArray(images) || !images.every((image) => image instanceof Uint8Array))
    throw new AppError('invalid_parameter', 'images must be a list of encoded pictures.');
  if (images.length === 0) throw new AppError('invalid_parameter', 'images must have at least one picture.');
  if (images.length > LIMITS.images)
    throw new AppError(
      'invalid_parameter',
      `images must have at most ${LIMITS.images} pictures, not ${images.length}.`,
    );
  requirePictureCount(images.length, maxImages);
  for (const [i, image] of images.entries()) checkImageBytes(image, `Picture ${i + 1}`);
  return parsed;
}
