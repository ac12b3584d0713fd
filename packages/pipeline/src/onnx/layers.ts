import type { AttentionOptions, Heads, QueriesKeysValues } from './attention.ts';
import type { Graph, Value } from './graph.ts';

/** The layers that several networks share. Shapes: S tokens, K and N channels. */

/**
 * Linear layer as PyTorch stores it, weight [N, K]. x [S, K] -> [S, N]. This is the only way in which a weight enters a
 * matrix product: the graph's precision decides which nodes it is made of. `stored` is the weight's shape in the
 * checkpoint if it is not [N, K]. Source: torch.nn.Linear.
 * @example linear(g, hidden, `${name}.to_q`, [d, d])
 */
export function linear(
  g: Graph,
  x: Value,
  name: string,
  [n, k]: readonly [number, number],
  { bias = true, stored = [n, k] }: { readonly bias?: boolean; readonly stored?: readonly number[] } = {},
): Value {
  return g.linear(x, { name, n, k, bias, stored });
}

/** x / sqrt(mean(x²) + eps) · scale over the last axis. Source: torch.nn.RMSNorm. */
export function rmsNorm(g: Graph, x: Value, scale: Value, eps: number): Value {
  return g.op('SimplifiedLayerNormalization', [x, scale], { axis: -1, epsilon: { float: eps } });
}

/** Layer norm over the last axis whose scale and shift [N] are values of the graph, as adaptive norms need. */
export function layerNorm(g: Graph, x: Value, scale: Value, shift: Value, eps: number): Value {
  return g.op('LayerNormalization', [x, scale, shift], { axis: -1, epsilon: { float: eps } });
}

/** x · sigmoid(x). */
export function silu(g: Graph, x: Value): Value {
  return g.op('QuickGelu', [x], { alpha: { float: 1 } });
}

export function add(g: Graph, a: Value, b: Value): Value {
  return g.op('Add', [a, b]);
}

export function mul(g: Graph, a: Value, b: Value): Value {
  return g.op('Mul', [a, b]);
}

/** A 0 in `dims` keeps that dimension, -1 takes the rest. */
export function reshape(g: Graph, x: Value, dims: readonly number[]): Value {
  return g.op('Reshape', [x, g.ints(dims)]);
}

export function concat(g: Graph, parts: readonly Value[], axis: number): Value {
  return g.op('Concat', parts, { axis });
}

/** Rows `start` to `end` (exclusive) along axis 0; both are values of shape [1], `end` left out means to the last. */
export function sliceRows(g: Graph, x: Value, start: Value, end?: Value): Value {
  return g.op('Slice', [x, start, end ?? g.ints([2 ** 40]), g.ints([0])]);
}

/** Length of axis 0 as a value of shape [1]. */
export function rowCount(g: Graph, x: Value): Value {
  return g.op('Shape', [x], { start: 0, end: 1 });
}

/**
 * Rotary embedding. x [1, S, heads · dim], cos and sin [S, dim / 2] -> same shape as x.
 * `interleaved` rotates neighbouring channels (diffusers), else the two halves of a head (transformers' rotate_half).
 */
export function rope(g: Graph, x: Value, angles: RopeAngles, heads: number, interleaved: boolean): Value {
  return g.op('RotaryEmbedding', [x, g.ints([0]), angles.cos, angles.sin], {
    interleaved: interleaved ? 1 : 0,
    num_heads: heads,
  });
}

export interface RopeAngles {
  readonly cos: Value;
  readonly sin: Value;
}

/** Softmax attention, scale 1/sqrt(dim). q, k, v [B, S, heads · dim] -> same shape, in the form of the graph's device. */
export function attention(g: Graph, qkv: QueriesKeysValues, heads: Heads, options: AttentionOptions = {}): Value {
  return g.attention(qkv, heads, options);
}
