/** Pixels, or CSS pixels where a function says so. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Pixels of a reference for the VAE and for the text encoder if a checkpoint's edit_config.json does not say. Source: diffusers. */
export const DIFFUSERS_AREAS = { vae_image_size: 1024 * 1024, condition_image_size: 384 * 384 } as const;

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
