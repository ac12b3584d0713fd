import { AppError } from '@qwen-edit/contract';

/** A weight [n, k] whose rows are stored in blocks along k, as com.microsoft MatMulNBits takes it. */
export interface QuantisedBlocks {
  /** Codes [n, blocks, blockSize · bits / 8], the first of two 4-bit codes in the low half. */
  readonly data: Uint8Array;
  /** [n, blocks]. */
  readonly scales: Float32Array;
  /** [n, ⌈blocks · bits / 8⌉], packed like the codes. Without them the zero point is the middle code: 8 or 128. */
  readonly zeroPoints?: Uint8Array;
}

/** Blocks of a row of k weights; the last one may be partly filled. */
export function blockCount(k: number, blockSize: number): number {
  return Math.ceil(k / blockSize);
}

/** Throws AppError `internal` for a weight that is not n · k long, and for block sizes that MatMulNBits has no kernel for. */
export function checkBlocks(weight: Float32Array, n: number, k: number, blockSize: number): void {
  if (weight.length !== n * k || ![16, 32, 64, 128, 256].includes(blockSize))
    throw new AppError('internal', `${weight.length} weights are no [${n}, ${k}] in blocks of ${blockSize}.`);
}

/** The error for weights that are NaN or infinite; the caller knows the tensor's name. */
export function notFinite(row: number): AppError {
  return new AppError('model_corrupt', `Row ${row} of the weight holds NaN or infinity.`);
}
