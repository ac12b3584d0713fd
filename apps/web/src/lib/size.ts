/** Pixels, or CSS pixels where a function says so. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Python's round(): halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** What the model sees of a picture: its longest side is at most `maxSide`, 0 = no limit. Source: the pipeline's limitSide. */
export function limitSide(size: Size, maxSide: number): Size {
  const longest = Math.max(size.width, size.height);
  if (maxSide <= 0 || longest <= maxSide) return size;
  const scale = maxSide / longest;
  return {
    width: Math.max(1, roundHalfEven(size.width * scale)),
    height: Math.max(1, roundHalfEven(size.height * scale)),
  };
}

const SIDE_MULTIPLE = 32;
const DIFFUSERS_AREA = 1024 * 1024;

/**
 * The result's size where none is asked for: about `area` pixels with the ratio of the last picture, sides rounded to
 * multiples of 32. Source: calculate_dimensions of diffusers' Qwen-Image-Edit pipeline.
 */
export function expectedResultSize(last: Size, maxSide: number, area: number | null): Size {
  const seen = limitSide(last, maxSide);
  const ratio = seen.width / seen.height;
  const idealWidth = Math.sqrt((area ?? DIFFUSERS_AREA) * ratio);
  const side = (pixels: number): number => Math.max(1, roundHalfEven(pixels / SIDE_MULTIPLE)) * SIDE_MULTIPLE;
  return { width: side(idealWidth), height: side(idealWidth / ratio) };
}

/** True where two shapes differ so little that one may be drawn over the other, edge on edge. */
export function isSimilarRatio(a: Size, b: Size): boolean {
  const quotient = a.width / a.height / (b.width / b.height);
  return Math.abs(Math.log(quotient)) < 0.14;
}

/** `4032×3024`. */
export const sizeText = ({ width, height }: Size): string => `${width}×${height}`;
