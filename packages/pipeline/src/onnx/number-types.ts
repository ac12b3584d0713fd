import type { Graph, Value } from './graph.ts';

/** What numbers are computed in: 32 bits, or 16 bits with 5 (fp16) or 8 (bf16) of them for the exponent. */
export type NumberType = 'fp32' | HalfType;
export type HalfType = 'fp16' | 'bf16';

/** How ONNX calls them: TensorProto.DataType. */
export const NUMBER_TYPES: Readonly<Record<NumberType, number>> = { fp32: 1, fp16: 10, bf16: 16 };

/** The same numbers, rounded to another type. */
export function cast(g: Graph, x: Value, to: NumberType): Value {
  return g.op('Cast', [x], { to: NUMBER_TYPES[to] });
}
