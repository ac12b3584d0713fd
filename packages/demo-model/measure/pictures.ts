import sharp, { type Sharp } from 'sharp';
import { exactEdit, KINDS, type Kind, type Picture } from './exact-edits.ts';

/** Reads an encoded picture, its middle cut and scaled to `width` × `height`. */
export async function readCroppedPicture(bytes: Uint8Array, width: number, height: number): Promise<Picture> {
  return toPicture(sharp(bytes).rotate().resize(width, height, { fit: 'cover' }));
}

/** Reads an encoded picture as it is. */
export async function decodePicture(bytes: Uint8Array): Promise<Picture> {
  return toPicture(sharp(bytes));
}

async function toPicture(image: Sharp): Promise<Picture> {
  const { data, info } = await image.removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: Float32Array.from(data, (level) => level / 255) };
}

/** The picture as PNG, rounded to 8 bits. */
export async function encodePicture({ width, height, data }: Picture): Promise<Uint8Array> {
  const levels = Uint8Array.from(data, (x) => Math.round(255 * x));
  return sharp(levels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Peak signal-to-noise ratio in dB, Infinity for equal pictures; -Infinity where the sizes differ. */
export function pixelPsnr(a: Picture, b: Picture): number {
  if (a.width !== b.width || a.height !== b.height) return Number.NEGATIVE_INFINITY;
  const squares = a.data.reduce((sum, x, i) => sum + (x - (b.data[i] ?? 0)) ** 2, 0);
  return -10 * Math.log10(squares / a.data.length);
}

/** The kinds that can be asked for with one picture; with two, all of KINDS can. */
const WITH_ONE_PICTURE = KINDS.filter((kind) => kind !== 'blend');

/** All exact edits of one picture, or of two. */
export function exactEdits(pictures: readonly [Picture] | readonly [Picture, Picture]): Map<Kind, Picture> {
  const [first, second] = pictures;
  return second === undefined
    ? new Map(WITH_ONE_PICTURE.map((kind) => [kind, exactEdit(kind, first)]))
    : new Map(KINDS.map((kind) => [kind, exactEdit(kind, first, second)]));
}

/** Which of the exact edits has the least squared error to the result. */
export function nearestKind(result: Picture, exact: ReadonlyMap<Kind, Picture>): Kind | undefined {
  const ranked = [...exact].map(([kind, picture]) => ({ kind, db: pixelPsnr(result, picture) }));
  return ranked.sort((a, b) => b.db - a.db)[0]?.kind;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
