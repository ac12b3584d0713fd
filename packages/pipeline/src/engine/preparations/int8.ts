import { int8Linear } from '../../onnx/linear-int8.ts';
import { quantiseInt8 } from '../../quantise/int8.ts';
import type { Preparation } from '../precision.ts';

/** Input channels that are multiplied in fp32: with fewer, one massive activation takes the others of its token their levels. */
const OUTLIERS = 8;

/** Weights in 8 bits with a scale for each output channel: see int8Linear. */
export const int8Preparation: Preparation = {
  version: 1,
  needsLayout: false,
  settings: { outliers: OUTLIERS },
  stored: [],
  prepare(weight, { n, k }) {
    const { data, scales } = quantiseInt8(weight, n, k);
    return { data: { dtype: 'I8', data }, scales: { dtype: 'F32', data: scales } };
  },
  linear: int8Linear,
};
