import type { Size } from '@qwen-edit/contract';
import { openImage } from './decode.ts';
import { checkImageBytes } from './file-size.ts';
import { checkImageShape, type ShapeRules } from './shape.ts';

/** What is known of a picture once it is proved; its sides as a person sees it, EXIF orientation applied. */
export interface ValidatedImage extends Size {
  /** By its content, as `image/jpeg`. */
  readonly mediaType: string;
}

/**
 * Proves, without a model, that bytes are a whole picture that the pipeline will take. It is decoded in libvips' threads,
 * row by row where its format allows that, and its pixels are not kept. What the pipeline refuses later depends on the
 * model: pass `rules` (ModelFacts and the request's max_side) to have the shape judged as it will be.
 * Throws AppError `image_invalid`, `image_too_large` or `image_ratio`; messages begin with `label`.
 */
export async function validateImage(bytes: Uint8Array, label: string, rules: ShapeRules = {}): Promise<ValidatedImage> {
  checkImageBytes(bytes, label);
  const { facts, picture, damaged } = await openImage(bytes, label);
  const { width, height } = facts.autoOrient;
  checkImageShape({ width, height }, label, rules);
  try {
    // A single pixel is the mean of all: none of them can be left undecoded, and none is kept. Cutting out the whole first
    // keeps libvips from decoding a smaller picture, which would overlook that the last rows of a JPEG are missing.
    const whole = { left: 0, top: 0, width: facts.width, height: facts.height };
    await picture.extract(whole).resize({ width: 1, height: 1, fit: 'fill' }).raw({ depth: 'uchar' }).toBuffer();
  } catch (cause) {
    throw damaged(cause);
  }
  return { width, height, mediaType: facts.mediaType ?? `image/${facts.format}` };
}
