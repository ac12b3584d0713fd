import type { Graph, Value } from './graph.ts';

/** [B, S, heads · dim] each. */
export type QueriesKeysValues = readonly [q: Value, k: Value, v: Value];

export interface Heads {
  readonly count: number;
  /** Channels of each. */
  readonly dim: number;
}

export interface AttentionOptions {
  /** A token sees itself and those before it. */
  readonly causal?: boolean;
  /** [B, 1, S, S], added to the logits. */
  readonly bias?: Value;
}

/** Softmax attention, scale 1/sqrt(dim). q, k, v [B, S, heads · dim] -> same shape. Devices have their own forms: see engine/devices.ts. */
export type AttentionForm = (g: Graph, qkv: QueriesKeysValues, heads: Heads, options: AttentionOptions) => Value;

/** One com.microsoft MultiHeadAttention. */
export const fusedAttention: AttentionForm = (g, qkv, { count }, { causal, bias }) => {
  const inputs = bias === undefined ? qkv : [...qkv, undefined, undefined, bias];
  return g.op('MultiHeadAttention', inputs, { num_heads: count, unidirectional: causal === true ? 1 : 0 });
};

/** Very negative, and still a number in half precision. */
const MASKED = -60_000;

/**
 * The same of MatMul and Softmax, for devices whose fused kernel is wrong. Heads are computed in groups, one after the other, so that
 * the logits of HEAD_GROUPS groups, B · heads · S² numbers in all, are not in memory at once.
 */
export const composedAttention: AttentionForm = (g, qkv, { count, dim }, { causal, bias }) => {
  const groups = Math.min(count, HEAD_GROUPS);
  const mask = causal === true ? later(g, qkv[0]) : undefined;
  const apart = (x: Value, perm: readonly number[]): readonly Value[] => {
    const heads = g.op('Transpose', [g.op('Reshape', [x, g.ints([0, 0, count, dim])])], { perm });
    return groups === 1 ? [heads] : g.ops('Split', [heads, g.ints(sizes(count, groups))], groups, { axis: 1 });
  };
  const scaled = g.op('Mul', [qkv[0], g.floats([dim ** -0.5], [1])]);
  const [queries, keys, values] = [
    apart(scaled, [0, 2, 1, 3]),
    apart(qkv[1], [0, 2, 3, 1]),
    apart(qkv[2], [0, 2, 1, 3]),
  ];
  const parts = queries.map((query, i) => {
    let logits = g.op('MatMul', [query, keys[i]]);
    for (const addend of [bias, mask]) if (addend !== undefined) logits = g.op('Add', [logits, addend]);
    return g.op('MatMul', [g.op('Softmax', [logits], { axis: -1 }), values[i]]);
  });
  const all = groups === 1 ? parts[0] : g.op('Concat', parts, { axis: 1 });
  const together = g.op('Transpose', [all], { perm: [0, 2, 1, 3] });
  return g.op('Reshape', [together, g.ints([0, 0, count * dim])]);
};

/** Of the transformer's 24 heads, three at a time. More groups would be more, smaller products. */
export const HEAD_GROUPS = 8;

/** `count` in so many parts that differ by one at most. */
function sizes(count: number, parts: number): number[] {
  return Array.from(
    { length: parts },
    (_, i) => Math.floor(((i + 1) * count) / parts) - Math.floor((i * count) / parts),
  );
}

/** [S, S] of x [B, S, …]: very negative where the column comes after the row. */
function later(g: Graph, x: Value): Value {
  const length = g.op('Shape', [x], { start: 1, end: 2 });
  const square = g.op('Concat', [length, length], { axis: 0 });
  return g.op('Trilu', [g.op('Expand', [g.floats([MASKED], [1, 1]), square]), g.ints([1], [])], { upper: 1 });
}
