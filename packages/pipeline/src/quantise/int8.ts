import { AppError } from '@qwen-edit/contract';

/** A weight in 8 bits: `data`[k][n] · `scales`[n] stands for weight[n][k]. */
export interface Int8Weight {
  /** [k, n]: transposed, as products with activations [S, k] take it. */
  readonly data: Int8Array;
  /** [n]: one for each output channel. */
  readonly scales: Float32Array;
}

const MOST = 127;
/** Columns of a tile that is transposed while it lies in the processor's cache. */
const TILE = 64;

/**
 * Rounds a weight [n, k] to 8 bits, symmetric, with one scale for each output channel: the largest value of a channel becomes ±127.
 * Throws AppError `model_corrupt` for NaN or infinity.
 */
export function quantiseInt8(weight: Float32Array, n: number, k: number): Int8Weight {
  const data = new Int8Array(n * k);
  const scales = new Float32Array(n);
  for (let first = 0; first < n; first += TILE) {
    const last = Math.min(n, first + TILE);
    for (let row = first; row < last; row++) scales[row] = largest(weight, row * k, k) / MOST;
    for (let column = 0; column < k; column += TILE) {
      const end = Math.min(k, column + TILE);
      for (let row = first; row < last; row++) {
        const scale = scales[row]!;
        const inverse = scale === 0 ? 0 : 1 / scale;
        for (let i = column; i < end; i++) data[i * n + row] = Math.round(weight[row * k + i]! * inverse);
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
