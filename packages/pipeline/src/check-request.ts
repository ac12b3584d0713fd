import { AppError, type EditParameters, LIMITS, parseEditParameters } from '@qwen-edit/contract';

/** Parameters come unparsed: this is where they are checked. */
export interface UncheckedRequest {
  readonly images: readonly Uint8Array[];
  readonly parameters: unknown;
}

/**
 * Checks what can be checked without a model and without decoding a picture. Returns the parameters, parsed.
 * Throws AppError `prompt_empty`, `prompt_too_long`, `invalid_parameter` or `image_too_large`.
 */
export function checkRequest({ images, parameters }: UncheckedRequest): EditParameters {
  const parsed = parseEditParameters(parameters);
  if (!Array.isArray(images) || !images.every((image) => image instanceof Uint8Array))
    throw new AppError('invalid_parameter', 'images must be a list of encoded pictures.');
  if (images.length === 0) throw new AppError('invalid_parameter', 'images must have at least one picture.');
  if (images.length > LIMITS.images)
    throw new AppError(
      'invalid_parameter',
      `images must have at most ${LIMITS.images} pictures, not ${images.length}.`,
    );
  const large = images.findIndex((image) => image.length > LIMITS.imageBytes);
  if (large !== -1) {
    throw new AppError(
      'image_too_large',
      `Picture ${large + 1} has ${images[large]?.length} bytes; the limit is ${LIMITS.imageBytes}.`,
    );
  }
  return parsed;
}
