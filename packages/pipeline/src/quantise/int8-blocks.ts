import { blockCount, checkBlocks, notFinite, type QuantisedBlocks } from './blocks.ts';

const MIDDLE = 128;
/** The largest weight of a block, in steps. */
const STEPS = 127;

/**
 * Quantises a weight [n, k] to 8 bits with a scale for each block, around the code 128: no zero points are needed. Plain rounding is enough:
 * a search for scales would change the fifth digit of the cosine. Throws AppError `model_corrupt`, without the name of the
 * tensor, for a weight that holds NaN or infinity.
 *
 * @example
 * quantiseInt8Blocks(weight, 12288, 3072, { blockSize: 128 }) // data [12288, 24, 128], scales [12288, 24]
 */
export function quantiseInt8Blocks(
  weight: Float32Array,
  n: number,
  k: number,
  { blockSize }: { readonly blockSize: number },
): QuantisedBlocks {
  checkBlocks(weight, n, k, blockSize);
  const blocks = blockCount(k, blockSize);
  const data = new Uint8Array(n * blocks * blockSize).fill(MIDDLE);
  const scales = new Float32Array(n * blocks);
  for (let row = 0; row < n; row++) {
    for (let index = 0; index < blocks; index++) {
      const first = row * k + index * blockSize;
      const count = Math.min(blockSize, k - index * blockSize);
      const at = row * blocks + index;
      let largest = 0;
      // A weight that is no number stays one, in Math.max.
      for (let i = 0; i < count; i++) largest = Math.max(largest, Math.abs(weight[first + i]!));
      if (!Number.isFinite(largest)) throw notFinite(row);
      scales[at] = largest / STEPS;
      const inverse = scales[at] === 0 ? 0 : 1 / scales[at]!;
      for (let i = 0; i < count; i++) data[at * blockSize + i] = (weight[first + i]! * inverse + (MIDDLE + 0.5)) | 0;
    }
  }
  return { data, scales };
}
