import type { ShapeRules, Size } from '@qwen-edit/contract';
import { openImage } from './decode.ts';
import { checkImageBytes } from './file-size.ts';
import { DECODE_CEILING, type DecodeLimits } from './inspect.ts';
import { checkImageShape } from './shape.ts';

/** What is known of a picture that is valid; its sides as a person sees it, EXIF orientation applied. */
export interface ValidatedImage extends Size {
  /** What its content is, as `image/jpeg`. */
  readonly mediaType: string;
}

/**
 * Checks, without a model, that bytes are a whole picture that the pipeline will take. The picture is decoded in libvips'
 * threads, row by row if its format allows that, and its pixels are not kept. Which shapes the pipeline takes depends on the
 * model: pass `rules` (ModelFacts and the request's max_side) to apply the same rules here.
 * @example const { width, height, mediaType } = await validateImage(bytes, 'Picture 1', { ...model, max_side: 768 });
 * Throws AppError `image_invalid`, `image_too_large`, `image_too_complex` or `image_ratio`; messages begin with `label`.
 */
export async function validateImage(
  bytes: Uint8Array,
  label: string,
  rules: ShapeRules = {},
  limits: DecodeLimits = DECODE_CEILING,
): Promise<ValidatedImage> {
  checkImageBytes(bytes, label);
  const { facts, decode } = await openImage(bytes, label, limits);
  const { width, height } = facts.upright;
  checkImageShape({ width, height }, label, rules);
  // A single pixel is the mean of all, so that every pixel is decoded and none is kept. Extracting the whole picture first
  // keeps libvips from decoding a smaller one, which would not notice that the last rows of a JPEG are missing.
  const whole = { left: 0, top: 0, width: facts.width, height: facts.height };
  await decode((picture) =>
    picture.extract(whole).resize({ width: 1, height: 1, fit: 'fill' }).raw({ depth: 'uchar' }).toBuffer(),
  );
  return { width, height, mediaType: facts.mediaType };
}
