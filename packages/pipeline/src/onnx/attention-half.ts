import type { AttentionForm } from './attention.ts';
import type { Graph, Value } from './graph.ts';
import { mul } from './layers.ts';
import { cast, type HalfType } from './number-types.ts';

/** A channel of zeros has a largest value too. */
const LEAST = 1e-30;

/**
 * The same attention over numbers of 16 bits, for a kernel that keeps logits and sums in 32. In fp16, the values of each channel are scaled to at
 * most 1, and the result back: a mean of them is never larger. Queries and keys must be normed: their products are not scaled.
 */
export function halfAttention(form: AttentionForm, type: HalfType): AttentionForm {
  return (g, [q, k, v], heads, { bias, ...options }) => {
    const scale = type === 'fp16' ? largestOfChannels(g, v) : undefined;
    const values = scale === undefined ? v : g.op('Div', [v, scale]);
    const out = form(g, [cast(g, q, type), cast(g, k, type), cast(g, values, type)], heads, {
      ...options,
      ...(bias === undefined ? {} : { bias: cast(g, bias, type) }),
    });
    const wide = cast(g, out, 'fp32');
    return scale === undefined ? wide : mul(g, wide, scale);
  };
}

/** [B, S, D] -> [B, 1, D] */
function largestOfChannels(g: Graph, x: Value): Value {
  const most = g.op('ReduceMax', [x, g.ints([1])], { keepdims: 1 });
  const least = g.op('ReduceMin', [x, g.ints([1])], { keepdims: 1 });
  return g.op('Max', [most, g.op('Neg', [least]), g.floats([LEAST], [1])]);
}
