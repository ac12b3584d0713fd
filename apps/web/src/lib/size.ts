import { type AskedSize, DIFFUSERS_AREAS, GUIDE_DEFAULTS, resultSize, type Size } from '@qwen-edit/contract';

/** What a model says about sizes; null if that is not known. */
export interface ModelSizes {
  readonly area: number | null;
  readonly multiple: number | null;
}

/** The size that the result of a request will have. */
export function expectedResultSize(
  asked: AskedSize & { readonly max_side?: number | undefined },
  last: Size,
  { area, multiple }: ModelSizes,
): Size {
  return resultSize(asked, last, {
    maxSide: asked.max_side ?? GUIDE_DEFAULTS.max_side,
    area: area ?? DIFFUSERS_AREAS.vae_image_size,
    multiple: multiple ?? 1,
  });
}

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
