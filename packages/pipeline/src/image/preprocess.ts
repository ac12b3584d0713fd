import type { Size } from '@qwen-edit/contract';
import type { Grid, Planes } from '../arrays.ts';
import type { ProcessorConfig } from '../hub/processor-config.ts';
import { calculateDimensions, smartResize } from './dimensions.ts';
import { type Pixels, resizeBicubicTorchvision, resizeLanczos } from './resample.ts';

/** Patches of one condition picture: `data` [rows · columns, 3 · T · P · P]. */
export interface PatchGrid extends Grid {
  readonly data: Float32Array;
}

/** The picture that the text encoder looks at, before its processor: LANCZOS to `area`. */
export function conditionImage(image: Pixels, area: number): Pixels {
  const { width, height } = calculateDimensions(area, image);
  return resizeLanczos(image, width, height);
}

/** The picture that the VAE encodes: LANCZOS to a size, u8 / 255 · 2 - 1. Source: VaeImageProcessor.preprocess. */
export function vaeImage(image: Pixels, { width, height }: Size): Planes {
  const { data: source } = resizeLanczos(image, width, height);
  const levels = forEachLevel((u) => Math.fround(Math.fround(2 * Math.fround(u / 255)) - 1));
  const plane = width * height;
  const data = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) data[c * plane + i] = levels[source[3 * i + c]!]!;
  }
  return { data, channels: 3, width, height };
}

/**
 * Normalises a condition picture and cuts it into patches, in the order of merge blocks.
 * Source: Qwen2VLImageProcessor (torchvision backend) of transformers 5.
 */
export function patchify(image: Pixels, config: ProcessorConfig): PatchGrid {
  const { patch_size: p, merge_size: m, temporal_patch_size: frames } = config;
  const size = smartResize(image, p * m, config.min_pixels, config.max_pixels);
  const { data: source, width, height } = resizeBicubicTorchvision(image, size.width, size.height);
  const rows = height / p;
  const columns = width / p;
  const levels = config.image_mean.map((mean, c) => normalised(mean, config.image_std[c]!));
  const data = new Float32Array(rows * columns * 3 * frames * p * p);
  let at = 0;
  for (const [row, column] of mergeOrder(rows, columns, m)) {
    for (let c = 0; c < 3; c++) {
      const table = levels[c]!;
      for (let frame = 0; frame < frames; frame++) {
        for (let y = row * p; y < (row + 1) * p; y++) {
          for (let x = column * p; x < (column + 1) * p; x++) data[at++] = table[source[(y * width + x) * 3 + c]!]!;
        }
      }
    }
  }
  return { data, rows, columns };
}

/** Places of a grid block by block of `merge` × `merge`, row-major within and between blocks. */
export function* mergeOrder(rows: number, columns: number, merge: number): Generator<readonly [number, number]> {
  for (let y = 0; y < rows; y += merge) {
    for (let x = 0; x < columns; x += merge) {
      for (let dy = 0; dy < merge; dy++) {
        for (let dx = 0; dx < merge; dx++) yield [y + dy, x + dx];
      }
    }
  }
}

/** (u8 - 255 · mean) / (255 · std), each step in fp32. */
function normalised(mean: number, std: number): Float32Array {
  const shift = Math.fround(Math.fround(mean) * 255);
  const scale = Math.fround(Math.fround(std) * 255);
  return forEachLevel((u) => Math.fround(Math.fround(u - shift) / scale));
}

/** A table of what each 8-bit level becomes. */
function forEachLevel(convert: (u: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, u) => convert(u));
}
