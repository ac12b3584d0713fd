import { AppError } from '@qwen-edit/contract';

/** A weight in 8 bits: `data`[k][n] · `scales`[n] stands for weight[n][k]. */
export interface Int8Weight {
  /** [k, n]: transposed, as products with activations [S, k] take it. */
  readonly data: Int8Array;
  /** [n]: one for each output channel. */
  readonly scales: Float32Array;
}

const MOST = 127;
/** Rows and columns that are transposed at a time, while they lie in the processor's cache. */
const TILE_ROWS = 64;
const TILE_COLUMNS = 64;

/**
 * Rounds a weight [n, k] to 8 bits, symmetric, with one scale for each output channel: the largest value of a channel becomes ±127.
 * Throws AppError `model_corrupt` for NaN or infinity.
 */
export function quantiseInt8(weight: Float32Array, n: number, k: number): Int8Weight {
  const data = new Int8Array(n * k);
  const scales = new Float32Array(n);
  const tile = new Int8Array(TILE_ROWS * TILE_COLUMNS);
  for (let row = 0; row < n; row++) scales[row] = largest(weight, row * k, k) / MOST;
  for (let first = 0; first < n; first += TILE_ROWS) {
    const rows = Math.min(TILE_ROWS, n - first);
    for (let column = 0; column < k; column += TILE_COLUMNS) {
      const columns = Math.min(TILE_COLUMNS, k - column);
      for (let r = 0; r < rows; r++) {
        const scale = scales[first + r]!;
        const inverse = scale === 0 ? 0 : 1 / scale;
        const from = (first + r) * k + column;
        // Rounds halves up; a whole number of positive numbers is cheaper than Math.round.
        for (let c = 0; c < columns; c++)
          tile[r * TILE_COLUMNS + c] = ((weight[from + c]! * inverse + 128.5) | 0) - 128;
      }
      for (let c = 0; c < columns; c++) {
        const to = (column + c) * n + first;
        for (let r = 0; r < rows; r++) data[to + r] = tile[r * TILE_COLUMNS + c]!;
      }
    }
  }
  return { data, scales };
}

function largest(values: Float32Array, from: number, count: number): number {
  let most = 0;
  let sum = 0;
  for (let i = from; i < from + count; i++) {
    const size = Math.abs(values[i]!);
    if (size > most) most = size;
    // NaN compares as false, but stays in a sum.
    sum += size;
  }
  if (!Number.isFinite(sum)) throw new AppError('model_corrupt', 'A weight is NaN or infinite.');
  return most;
}
