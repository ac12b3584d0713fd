import type { Graph, Value } from './graph.ts';

export interface AttentionOptions {
  /** A token sees itself and those before it. */
  readonly causal?: boolean;
  /** [B, 1, S, S], added to the logits. */
  readonly bias?: Value;
}

/** Softmax attention, scale 1/sqrt(dim). q, k, v [B, S, heads · dim] -> same shape. Devices have their own forms: see engine/devices.ts. */
export type AttentionForm = (
  g: Graph,
  qkv: readonly [q: Value, k: Value, v: Value],
  heads: number,
  options: AttentionOptions,
) => Value;

/** One com.microsoft MultiHeadAttention. */
export const fusedAttention: AttentionForm = (g, qkv, heads, { causal, bias }) => {
  const inputs = bias === undefined ? qkv : [...qkv, undefined, undefined, bias];
  return g.op('MultiHeadAttention', inputs, { num_heads: heads, unidirectional: causal === true ? 1 : 0 });
};

/** Very negative, and still a number in half precision. */
const MASKED = -60_000;

/** The same of MatMul and Softmax, for devices whose fused kernel is wrong. All heads' logits are in memory at once: B · heads · S² numbers. */
export const composedAttention: AttentionForm = (g, [q, k, v], heads, { causal, bias }) => {
  const shape = g.op('Shape', [q]);
  const split = g.ints([0, 0, heads, -1]);
  const apart = (x: Value, perm: readonly number[]): Value =>
    g.op('Transpose', [g.op('Reshape', [x, split])], { perm });
  const [queries, keys, values] = [apart(q, [0, 2, 1, 3]), apart(k, [0, 2, 3, 1]), apart(v, [0, 2, 1, 3])];
  const dim = g.op('Gather', [g.op('Shape', [queries]), g.ints([3])], { axis: 0 });
  const scale = g.op('Sqrt', [g.op('Cast', [dim], { to: FLOAT })]);
  let logits = g.op('MatMul', [g.op('Div', [queries, scale]), keys]);
  if (bias !== undefined) logits = g.op('Add', [logits, bias]);
  if (causal === true) logits = g.op('Add', [logits, later(g, shape)]);
  const together = g.op('MatMul', [g.op('Softmax', [logits], { axis: -1 }), values]);
  return g.op('Reshape', [g.op('Transpose', [together], { perm: [0, 2, 1, 3] }), shape]);
};

const FLOAT = 1;

/** [S, S]: very negative where the column comes after the row. */
function later(g: Graph, shape: Value): Value {
  const length = g.op('Gather', [shape, g.ints([1])], { axis: 0 });
  const square = g.op('Concat', [length, length], { axis: 0 });
  return g.op('Trilu', [g.op('Expand', [g.floats([MASKED], [1, 1]), square]), g.ints([1], [])], { upper: 1 });
}
