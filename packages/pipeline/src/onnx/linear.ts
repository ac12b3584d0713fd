import type { Graph, Value } from './graph.ts';

/** A linear layer of the checkpoint: weights `name`.weight [n, k] and, with `bias`, `name`.bias [n]. */
export interface LinearLayer {
  readonly name: string;
  readonly n: number;
  readonly k: number;
  readonly bias: boolean;
  /** Shape in which the checkpoint stores the weight; it has n · k elements in the order of [n, k], of the whole weight if this is a part. */
  readonly stored: readonly number[];
  /** The layer is a part of a larger one, the `n` outputs from `first` on of `total`, and has no bias: see cutLinear. */
  readonly rows?: WeightRows | undefined;
}

/** Which rows of a weight a part of it has. */
export interface WeightRows {
  readonly first: number;
  readonly total: number;
}

/** Builds x · weightᵀ + bias, x [S, k] -> [S, n]. Each precision has its own form; see engine/precision.ts. */
export type LinearForm = (g: Graph, x: Value, layer: LinearLayer) => Value;

/** One Gemm in fp32. Weights that are stored in half precision are widened each time the graph runs. */
export const gemmLinear: LinearForm = (g, x, { name, n, k, bias, stored, rows }) => {
  const addend = bias ? [g.weight(`${name}.bias`, [n])] : [];
  const weight = g.weight(`${name}.weight`, stored, { as: [n, k], first: rows?.first });
  return g.op('Gemm', [x, weight, ...addend], { transB: 1 });
};
