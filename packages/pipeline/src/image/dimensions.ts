import { AppError, roundedDimensions, roundHalfEven, type Size } from '@qwen-edit/contract';

/** Does what roundedDimensions does. Throws AppError `image_ratio` if a side rounds to 0. */
export function calculateDimensions(area: number, size: Size): Size {
  const rounded = roundedDimensions(area, size);
  if (rounded.width === 0 || rounded.height === 0) {
    throw new AppError(
      'image_ratio',
      `A picture of ${size.width} × ${size.height} is too narrow: at ${area} pixels a side would round to 0.`,
    );
  }
  return rounded;
}

/** Beyond this ratio the picture processor of the text encoder refuses. */
export const MAX_RATIO = 200;

export function isBeyondRatio({ width, height }: Size): boolean {
  return Math.max(width, height) / Math.min(width, height) > MAX_RATIO;
}

/**
 * Sides that are multiples of `factor` with an area within [minPixels, maxPixels].
 * Throws AppError `image_ratio` beyond a ratio of 200. Source: smart_resize of transformers' Qwen2-VL.
 */
export function smartResize(size: Size, factor: number, minPixels: number, maxPixels: number): Size {
  const { width, height } = size;
  if (isBeyondRatio(size)) {
    throw new AppError(
      'image_ratio',
      `A picture of ${width} × ${height} is too narrow: the ratio of its sides is above ${MAX_RATIO}.`,
    );
  }
  const rounded = (side: number): number => roundHalfEven(side / factor) * factor;
  const area = rounded(width) * rounded(height);
  if (area > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    const side = (pixels: number): number => Math.max(factor, Math.floor(pixels / beta / factor) * factor);
    return { width: side(width), height: side(height) };
  }
  if (area < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    const side = (pixels: number): number => Math.ceil((pixels * beta) / factor) * factor;
    return { width: side(width), height: side(height) };
  }
  return { width: rounded(width), height: rounded(height) };
}
