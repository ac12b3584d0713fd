import { roundedDimensions, type Size } from '@qwen-edit/contract';
import type { Pixels } from './resample.ts';

/**
 * The largest part in the middle of a picture that has the shape of `size`. If the two shapes differ only by the rounding of
 * sides, it is the whole picture, so that a picture at its own ratio is resized as diffusers does it.
 */
export function cropToShape(image: Pixels, size: Size): Pixels {
  const own = roundedDimensions(size.width * size.height, image);
  if (own.width === size.width && own.height === size.height) return image;
  const scale = Math.min(image.width / size.width, image.height / size.height);
  const width = Math.min(image.width, Math.max(1, Math.round(size.width * scale)));
  const height = Math.min(image.height, Math.max(1, Math.round(size.height * scale)));
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}
