import { DIFFUSERS_AREAS, type Size } from './picture-size.ts';
import { DRAFT_AREA } from './presets.ts';
import type { EditSizes, SizeFacts } from './result-size.ts';
import type { SizeParameters } from './size-parameters.ts';

/** Shapes that differ by no more than this look alike. */
const SAME_SHAPE = 0.02;

/** How much wider one shape is than the other, as a share: 0.05 for 105 × 100 beside 100 × 100, and for the reverse. */
function shapeDifference(a: Size, b: Size): number {
  const quotient = (a.width * b.height) / (a.height * b.width);
  return Math.max(quotient, 1 / quotient) - 1;
}

/** One sentence for a result whose shape differs from that of its picture by more than 2 %, none for any other. */
export function shapeWarning(result: Size, picture: Size): readonly string[] {
  const difference = shapeDifference(result, picture);
  if (difference < SAME_SHAPE + 1e-9) return [];
  return [
    `The shape of the result, ${result.width} × ${result.height}, differs by ${(100 * difference).toFixed(1)} % from that of the picture, ${picture.width} × ${picture.height}. Give width or height alone to keep the picture's shape as far as the model's sizes allow.`,
  ];
}

/** The guide's advice for a CPU: who gives this or less hopes for a faster edit. */
const HOPEFUL_SIDE = 512;

/**
 * One sentence for a `max_side` that was given to save work and saves none: the model brings the references to its own area, which
 * is larger. None for a request whose references have the result's size, and for a model that a draft makes no faster.
 */
export function maxSideWarning(said: SizeParameters, sizes: EditSizes, model: SizeFacts): readonly string[] {
  const { max_side = 0, preset } = said;
  const area = model.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size;
  const hopeful = max_side > 0 && max_side <= HOPEFUL_SIDE && area > DRAFT_AREA;
  if (!hopeful || preset !== undefined || sizes.references.every(({ cut }) => cut)) return [];
  return [
    `max_side ${max_side} bounds each picture before it is brought to the model's area of ${area} pixels; it does not make the edit faster. For a faster edit use preset draft.`,
  ];
}

/** One sentence for a picture that the VAE works on in tiles where diffusers would not, none if it does not. */
export function tilesWarning(tiled: boolean): readonly string[] {
  if (!tiled) return [];
  return [
    'The device has too little memory for a whole picture in the VAE, which works in tiles: the picture differs a little from one that is made on a larger device.',
  ];
}
