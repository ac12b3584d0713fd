import { DIFFUSERS_AREAS, limitSide, roundedDimensions, type Size } from '@qwen-edit/contract';

/** The result's size if the request names none: about `area` pixels with the ratio of the last picture. */
export const expectedResultSize = (last: Size, maxSide: number, area: number | null): Size =>
  roundedDimensions(area ?? DIFFUSERS_AREAS.vae_image_size, limitSide(last, maxSide));

/** True if two shapes differ so little that one can be drawn over the other, edge on edge. */
export function isSimilarRatio(a: Size, b: Size): boolean {
  const quotient = a.width / a.height / (b.width / b.height);
  return Math.abs(Math.log(quotient)) < 0.14;
}

/** Index of the picture to compare a result with: the first that has the shape of the last, as the result has. */
export function pictureToCompare(pictures: readonly Size[]): number {
  const last = pictures.at(-1);
  return last === undefined ? 0 : pictures.findIndex((picture) => isSimilarRatio(picture, last));
}

/** `4032×3024`. */
export const sizeText = ({ width, height }: Size): string => `${width}×${height}`;
