import { AppError } from '@qwen-edit/contract';
import { type BlockInputs, blockLinear } from '../../onnx/linear-blocks.ts';
import type { FindPrepared } from '../../onnx/prepared-layer.ts';
import type { QuantisedBlocks } from '../../quantise/blocks.ts';
import { quantiseInt4 } from '../../quantise/int4.ts';
import { quantiseInt8Blocks } from '../../quantise/int8-blocks.ts';
import type { NewArray, Preparation } from '../precision.ts';

/** Weights that share a scale. With 32, products of 4 bits would take a third longer and the scales a quarter of the memory. */
const BLOCK_SIZE = 128;

/** Weights in 4 bits: see quantiseInt4 and docs/decisions/0034. */
export const int4Preparation: Preparation = {
  version: 1,
  needsLayout: true,
  settings: {},
  prepare: (weight, { n, k }) => arraysOf(quantiseInt4(weight, n, k, { blockSize: BLOCK_SIZE })),
  linear: (find, inputs) => formOf(find, 4, inputs),
};

/** Weights in 8 bits, in blocks. */
export const int8BlocksPreparation: Preparation = {
  version: 1,
  needsLayout: true,
  settings: {},
  prepare: (weight, { n, k }) => arraysOf(quantiseInt8Blocks(weight, n, k, { blockSize: BLOCK_SIZE })),
  linear: (find, inputs) => formOf(find, 8, inputs),
};

function arraysOf({ data, scales, zeroPoints }: QuantisedBlocks): Record<string, NewArray> {
  return {
    data: { dtype: 'U8', data },
    scales: { dtype: 'F32', data: scales },
    ...(zeroPoints === undefined ? {} : { zeroPoints: { dtype: 'U8', data: zeroPoints } }),
  };
}

function formOf(find: FindPrepared, bits: 4 | 8, inputs?: BlockInputs): ReturnType<Preparation['linear']> {
  return blockLinear(({ name }) => {
    const prepared = find(name);
    if (prepared === undefined) return undefined;
    const { data, scales, zeroPoints } = prepared.arrays;
    if (data === undefined || scales === undefined)
      throw new AppError('internal', `The prepared weight of ${name} lacks an array.`);
    return { bits, blockSize: BLOCK_SIZE, data, scales, zeroPoints };
  }, inputs);
}
