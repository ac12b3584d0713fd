import type { Graph, Value } from './graph.ts';
import { add, mul } from './layers.ts';
import type { LinearForm, LinearLayer } from './linear.ts';
import { cast, type HalfType } from './number-types.ts';
import { sharedInputs } from './shared-inputs.ts';

/** The form of linear layers whose products are computed in 16 bits: x [S, k] in fp32 -> [S, n] in fp32. */
export function halfLinear(type: HalfType): LinearForm {
  return type === 'bf16' ? bf16Linear() : fp16Linear();
}

/** bf16 has the range of fp32, so that nothing can overflow. The bias is in the product, as PyTorch has it. */
function bf16Linear(): LinearForm {
  const inputs = sharedInputs<Value>();
  return (g, x, layer) => {
    const { name, n, bias } = layer;
    const rounded = inputs(g, x.name, () => cast(g, x, 'bf16'));
    const addend = bias ? [g.weight(`${name}.bias`, [n], { type: 'bf16' })] : [];
    return cast(g, g.op('Gemm', [rounded, weightOf(g, layer, 'bf16'), ...addend], { transB: 1 }), 'fp32');
  };
}

/** The euclidean length that each token is given. */
const LENGTH = 256;
/** A token of zeros has a length too. */
const LEAST_LENGTH = 1e-30;

/**
 * fp16 ends at 65504, and activations of large models go beyond: so each token is scaled to the same length for the product, and back after it.
 * By Cauchy and Schwarz no product, and no part of its sum, is then larger than LENGTH times the length of a row of the weight: rows up to 255
 * are safe, and a trained row has about 1 to 10. Values that are a millionth of their token's largest are still normal numbers.
 */
function fp16Linear(): LinearForm {
  const inputs = sharedInputs<{ readonly scaled: Value; readonly scale: Value }>();
  return (g, x, layer) => {
    const { name, n, bias } = layer;
    const { scaled, scale } = inputs(g, x.name, () => scaleTokens(g, x));
    const product = cast(g, g.op('Gemm', [scaled, weightOf(g, layer, 'fp16')], { transB: 1 }), 'fp32');
    const y = mul(g, product, scale);
    return bias ? add(g, y, g.weight(`${name}.bias`, [n])) : y;
  };
}

function scaleTokens(g: Graph, x: Value) {
  const length = g.op('ReduceL2', [x, g.ints([1])], { keepdims: 1 });
  const scale = mul(g, g.op('Max', [length, g.floats([LEAST_LENGTH], [1])]), g.floats([1 / LENGTH], [1]));
  return { scale, scaled: cast(g, g.op('Div', [x, scale]), 'fp16') };
}

function weightOf(g: Graph, { name, n, k, stored, rows }: LinearLayer, type: HalfType): Value {
  return g.weight(`${name}.weight`, stored, { as: [n, k], first: rows?.first, type });
}
