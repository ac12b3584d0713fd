import type { Likeness, Size, Unchanged } from '@qwen-edit/contract';
import { cropToShape } from './crop.ts';
import { type Pixels, resizeLanczos } from './resample.ts';

/** Sides of a block in pixels, and how many of them the shorter side of a picture holds at most. */
const BLOCK = { least: 16, across: 16 } as const;
/** What equal pictures have, since JSON knows no Infinity. */
const EQUAL_DB = 99;
/** Squared difference between neighbours that counts as noise: without it, the detail of a plain picture would be 0 of 0. */
const NOISE = 50;

/**
 * Within these a result counts as unchanged. Of the edits that the demo model knows, blur comes up to 21.6 dB and keeps at most 0.43
 * of the detail, and the others have at most 18.0 dB. Wishes that it does not know leave photos at 21.8 dB and 0.71 or more. packages/demo-model/measurements.json has all figures.
 */
const UNCHANGED = { min_block_psnr: 20, detail: { min: 0.5, max: 2 } } as const;

/** Pixels whose levels, 0 to 255, may be of any type. */
type Levels = Omit<Pixels, 'data'> & { readonly data: ArrayLike<number> };

/** How like `result` is to `picture`, which has the same size. Noise and the losses of a VAE, alike everywhere, count little. */
export function likenessOf(result: Levels, picture: Levels): Likeness {
  return {
    min_block_psnr: minBlockPsnr(result, picture),
    detail: (roughnessOf(result) + NOISE) / (roughnessOf(picture) + NOISE),
  };
}

export function isUnchanged({ min_block_psnr, detail }: Likeness): boolean {
  return min_block_psnr >= UNCHANGED.min_block_psnr && detail >= UNCHANGED.detail.min && detail <= UNCHANGED.detail.max;
}

function minBlockPsnr(a: Levels, b: Levels): number {
  const { width, height } = a;
  const side = Math.max(BLOCK.least, Math.ceil(Math.min(width, height) / BLOCK.across));
  const rows = Math.max(1, Math.floor(height / side));
  const columns = Math.max(1, Math.floor(width / side));
  const squares = new Float64Array(rows * columns);
  const levels = new Uint32Array(rows * columns);
  for (let i = 0; i < width * height; i++) {
    // What is left at the right and at the bottom belongs to the last block.
    const row = Math.min(rows - 1, Math.floor(i / width / side));
    const column = Math.min(columns - 1, Math.floor((i % width) / side));
    const block = row * columns + column;
    for (let at = 3 * i; at < 3 * i + 3; at++) squares[block]! += (a.data[at]! - b.data[at]!) ** 2;
    levels[block]! += 3;
  }
  const worst = squares.reduce((most, sum, i) => Math.max(most, sum / levels[i]!), 0);
  return worst === 0 ? EQUAL_DB : Math.min(EQUAL_DB, 10 * Math.log10(255 ** 2 / worst));
}

/** Mean squared difference between neighbours, to the right and below. */
function roughnessOf({ width, height, data }: Levels): number {
  const row = 3 * width;
  let sum = 0;
  let count = 0;
  for (let at = 0; at < data.length; at++) {
    if (at % row < row - 3) {
      sum += (data[at]! - data[at + 3]!) ** 2;
      count++;
    }
    if (at < row * (height - 1)) {
      sum += (data[at]! - data[at + row]!) ** 2;
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}

/**
 * Compares results of `size` with the pictures of a request. A model shows a picture whose shape is another than its result's either
 * whole or cut around the middle, so both count. Gives the picture that a result is nearly the same as, if there is one.
 */
export function createComparison(
  images: readonly Pixels[],
  size: Size,
): (result: Pixels, output: number) => Unchanged[] {
  const before = images.flatMap((image, picture) =>
    [...new Set([image, cropToShape(image, size)])].map((part) => ({
      picture,
      pixels: resizeLanczos(part, size.width, size.height),
    })),
  );
  const rounded = (value: number): number => Math.round(100 * value) / 100;
  return (result, output) => {
    const same = before
      .map(({ picture, pixels }) => ({ output, picture, ...likenessOf(result, pixels) }))
      .filter(isUnchanged)
      .sort((a, b) => b.min_block_psnr - a.min_block_psnr);
    return same.slice(0, 1).map(({ min_block_psnr, detail, ...places }) => ({
      ...places,
      ...{ min_block_psnr: rounded(min_block_psnr), detail: rounded(detail) },
    }));
  };
}
