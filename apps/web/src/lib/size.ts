import { DIFFUSERS_AREAS, limitSide, roundedDimensions, type Size } from '@qwen-edit/contract';

/** The result's size where none is asked for: about `area` pixels with the ratio of the last picture. */
export const expectedResultSize = (last: Size, maxSide: number, area: number | null): Size =>
  roundedDimensions(area ?? DIFFUSERS_AREAS.vae_image_size, limitSide(last, maxSide));

/** True where two shapes differ so little that one may be drawn over the other, edge on edge. */
export function isSimilarRatio(a: Size, b: Size): boolean {
  const quotient = a.width / a.height / (b.width / b.height);
  return Math.abs(Math.log(quotient)) < 0.14;
}

/** Index of the picture to compare a result with: the first in its shape, which is that of the last. */
export function pictureToCompare(pictures: readonly Size[]): number {
  const last = pictures.at(-1);
  return last === undefined ? 0 : pictures.findIndex((picture) => isSimilarRatio(picture, last));
}

/** `4032×3024`. */
export const sizeText = ({ width, height }: Size): string => `${width}×${height}`;
