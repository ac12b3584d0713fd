import { type BlockGrid, codeOf, searchGrid } from './block-grid.ts';
import { blockCount, checkBlocks, notFinite, type QuantisedBlocks } from './blocks.ts';
import { type Feedback, type InputMoments, prepareFeedback } from './input-moments.ts';

export interface Int4Options {
  /** Weights that share a scale and a zero point: 16, 32, 64, 128 or 256. */
  readonly blockSize: number;
  /** What calibration has found out about the layer's inputs. */
  readonly inputs?: InputMoments | undefined;
}

/**
 * Quantises a weight [n, k] to 4 bits with a scale and a zero point for each block. Without `inputs` each block is fitted for itself; with
 * them, columns with large inputs are fitted best, and each row's rounding errors are fed forward along k, so that they
 * cancel in the product. Throws AppError `model_corrupt`, without the name of the tensor, for a weight that holds NaN or infinity.
 *
 * @example
 * quantiseInt4(weight, 12288, 3072, { blockSize: 128 }) // data [12288, 24, 64], scales [12288, 24], zeroPoints [12288, 12]
 */
export function quantiseInt4(
  weight: Float32Array,
  n: number,
  k: number,
  { blockSize, inputs }: Int4Options,
): QuantisedBlocks {
  checkBlocks(weight, n, k, blockSize);
  const blocks = blockCount(k, blockSize);
  const zeroBytes = Math.ceil(blocks / 2);
  const data = new Uint8Array((n * blocks * blockSize) / 2);
  const scales = new Float32Array(n * blocks);
  const zeroPoints = new Uint8Array(n * zeroBytes);
  const equal = new Float64Array(blockSize).fill(1);
  const codes = new Uint8Array(blockSize);
  const feedback = inputs === undefined ? undefined : prepareFeedback(inputs, k);
  const whole = new Float64Array(blockSize);
  const rest = whole.subarray(0, k % blockSize);
  const errors = new Float64Array(feedback?.rank ?? 0);
  for (let row = 0; row < n; row++) {
    errors.fill(0);
    for (let index = 0; index < blocks; index++) {
      const column = index * blockSize;
      const block = k - column < blockSize ? rest : whole;
      for (let i = 0; i < block.length; i++) block[i] = weight[row * k + column + i]!;
      const importance = feedback?.importance.subarray(column, column + block.length) ?? equal;
      const { scale, zeroPoint } = searchGrid(block, importance, feedback !== undefined);
      if (!Number.isFinite(scale)) throw notFinite(row);
      const at = row * blocks + index;
      scales[at] = scale;
      zeroPoints[row * zeroBytes + (index >> 1)]! |= zeroPoint << (4 * (index & 1));
      const grid = { scale: scales[at]!, zeroPoint };
      if (feedback === undefined) roundBlock(block, grid, codes);
      else roundWithFeedback(block, grid, codes, feedback, column, errors);
      const start = (at * blockSize) / 2;
      for (let i = 0; i < blockSize; i += 2) data[start + i / 2] = codes[i]! | (codes[i + 1]! << 4);
    }
  }
  return { data, scales, zeroPoints };
}

/** A scale of 0 makes every code 0, as a block of nothing but zeros needs. */
function roundBlock(block: Float64Array, { scale, zeroPoint }: BlockGrid, codes: Uint8Array): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < block.length; i++) codes[i] = codeOf(block[i]! * inverse, zeroPoint);
}

/** Rounds each weight after correcting it by the errors [r] of the columns before it, and adds its own error to them. */
function roundWithFeedback(
  block: Float64Array,
  { scale, zeroPoint }: BlockGrid,
  codes: Uint8Array,
  { directions, gains, rank }: Feedback,
  column: number,
  errors: Float64Array,
): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < block.length; i++) {
    const at = (column + i) * rank;
    let target = block[i]!;
    for (let r = 0; r < rank; r++) target -= errors[r]! * gains[at + r]!;
    const code = codeOf(target * inverse, zeroPoint);
    const error = (code - zeroPoint) * scale - block[i]!;
    for (let r = 0; r < rank; r++) errors[r]! += error * directions[at + r]!;
    codes[i] = code;
  }
}
