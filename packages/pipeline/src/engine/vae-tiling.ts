import type { Size } from '@qwen-edit/contract';
import type { Planes } from '../arrays.ts';

/** Pixels of a tile's side and from one tile to the next. Source: AutoencoderKLQwenImage. */
export const TILE = 256;
const STRIDE = 192;

/** Pixels of the largest picture that is not tiled, as in diffusers. */
export const UNTILED_AREA = 1024 * 1024;
/** Rounding a side to a multiple of 32 adds at most this. */
const ROUNDING = 16;

/**
 * Whether a picture is larger than 1024², not counting what rounding its sides to multiples of 32 may have added; or than `untiledArea`,
 * where a plan says less, since memory is short.
 */
export function isTiled(width: number, height: number, untiledArea = UNTILED_AREA): boolean {
  if (untiledArea < UNTILED_AREA) return width * height > untiledArea;
  return width * height > UNTILED_AREA && (width - ROUNDING) * (height - ROUNDING) > UNTILED_AREA;
}

/** Whether a picture is tiled that diffusers would not tile. */
export function tilesMore({ width, height }: Size, untiledArea: number): boolean {
  return isTiled(width, height, untiledArea) && !isTiled(width, height);
}

/** Where the tiles of a side of so many pixels begin. */
export function tileStarts(length: number): number[] {
  return Array.from({ length: Math.ceil(length / STRIDE) }, (_, i) => i * STRIDE);
}

/**
 * Runs `network` on overlapping tiles and blends their seams linearly, as diffusers does: a tile is blended in place, so
 * that its neighbours see the blended one. `scale` converts pixels to units of the input (from) and of the output (to).
 * Source: tiled_encode and tiled_decode.
 */
export async function tiled(
  input: Planes,
  network: (tile: Planes) => Promise<Planes>,
  scale: { readonly from: number; readonly to: number },
): Promise<Planes> {
  const size = Math.floor(TILE * scale.from);
  const step = Math.floor(STRIDE * scale.from);
  const rows: Planes[][] = [];
  for (let y = 0; y < input.height; y += step) {
    const row: Planes[] = [];
    for (let x = 0; x < input.width; x += step) row.push(await network(crop(input, x, y, size, size)));
    rows.push(row);
  }

  const keep = Math.floor(STRIDE * scale.to);
  const overlap = Math.floor(TILE * scale.to) - keep;
  const ratio = scale.to / scale.from;
  const height = Math.floor(input.height * ratio);
  const width = Math.floor(input.width * ratio);
  const channels = rows[0]?.[0]?.channels ?? 0;
  const out = { data: new Float32Array(channels * height * width), channels, height, width };
  for (const [i, row] of rows.entries()) {
    for (const [j, tile] of row.entries()) {
      const above = rows[i - 1]?.[j];
      const left = row[j - 1];
      if (above !== undefined) blendDown(above, tile, overlap);
      if (left !== undefined) blendAcross(left, tile, overlap);
      paste(out, tile, j * keep, i * keep, keep);
    }
  }
  return out;
}

function crop(from: Planes, left: number, top: number, width: number, height: number): Planes {
  const w = Math.min(width, from.width - left);
  const h = Math.min(height, from.height - top);
  const data = new Float32Array(from.channels * w * h);
  for (let c = 0; c < from.channels; c++) {
    for (let y = 0; y < h; y++) {
      const start = (c * from.height + top + y) * from.width + left;
      data.set(from.data.subarray(start, start + w), (c * h + y) * w);
    }
  }
  return { data, channels: from.channels, height: h, width: w };
}

/** Copies the first `keep` rows and columns of a tile, as far as they fit. */
function paste(to: Planes, tile: Planes, left: number, top: number, keep: number): void {
  const w = Math.min(keep, tile.width, to.width - left);
  const h = Math.min(keep, tile.height, to.height - top);
  for (let c = 0; c < tile.channels; c++) {
    for (let y = 0; y < h; y++) {
      const start = (c * tile.height + y) * tile.width;
      to.data.set(tile.data.subarray(start, start + w), (c * to.height + top + y) * to.width + left);
    }
  }
}

function blendDown(above: Planes, tile: Planes, overlap: number): void {
  const extent = Math.min(above.height, tile.height, overlap);
  for (let c = 0; c < tile.channels; c++) {
    for (let y = 0; y < extent; y++) {
      const share = y / extent;
      const a = (c * above.height + above.height - extent + y) * above.width;
      const b = (c * tile.height + y) * tile.width;
      for (let x = 0; x < tile.width; x++)
        tile.data[b + x] = above.data[a + x]! * (1 - share) + tile.data[b + x]! * share;
    }
  }
}

function blendAcross(left: Planes, tile: Planes, overlap: number): void {
  const extent = Math.min(left.width, tile.width, overlap);
  for (let row = 0; row < tile.channels * tile.height; row++) {
    for (let x = 0; x < extent; x++) {
      const share = x / extent;
      const b = row * tile.width + x;
      tile.data[b] = left.data[row * left.width + left.width - extent + x]! * (1 - share) + tile.data[b]! * share;
    }
  }
}
