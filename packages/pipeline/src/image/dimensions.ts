import { AppError } from '@qwen-edit/contract';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Python's round(): halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Sides that are multiples of this divide evenly into latents and their 2 × 2 patches. */
const SIDE_MULTIPLE = 32;

/**
 * The size of about `area` pixels with the ratio of `size`, sides rounded to multiples of 32; of a narrow picture one may
 * round to 0. Source: calculate_dimensions.
 */
export function roundedDimensions(area: number, size: Size): Size {
  const ratio = size.width / size.height;
  const idealWidth = Math.sqrt(area * ratio);
  return {
    width: roundHalfEven(idealWidth / SIDE_MULTIPLE) * SIDE_MULTIPLE,
    height: roundHalfEven(idealWidth / ratio / SIDE_MULTIPLE) * SIDE_MULTIPLE,
  };
}

/** roundedDimensions. Throws AppError `image_ratio` where a side rounds to 0. */
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

/** The guide's limit on a reference picture: its longest side is at most `maxSide`, 0 = no limit. Source: _maybe_resize. */
export function limitSide(size: Size, maxSide: number): Size {
  const longest = Math.max(size.width, size.height);
  if (maxSide <= 0 || longest <= maxSide) return size;
  const scale = maxSide / longest;
  return {
    width: Math.max(1, roundHalfEven(size.width * scale)),
    height: Math.max(1, roundHalfEven(size.height * scale)),
  };
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
