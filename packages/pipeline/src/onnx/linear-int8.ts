import type { Graph, StoredArray, Value } from './graph.ts';
import { add, concat, mul, reshape, rowCount } from './layers.ts';
import { gemmLinear, type LinearForm, type LinearLayer } from './linear.ts';

/** The weight of a linear layer in 8 bits, as quantiseInt8 makes it. */
export interface Int8Layer {
  /** I8 [k, n] */
  readonly data: StoredArray;
  /** F32 [n] */
  readonly scales: StoredArray;
  /** How many of the largest input channels are multiplied in fp32. */
  readonly outliers: number;
}

/** What is left of an input after its outliers are taken out, in 8 bits, and those outliers. Layers with the same input share it. */
interface QuantisedInput {
  /** u8 [S, k] with zero point 128 */
  readonly levels: Value;
  /** [S, 1]: what a level stands for in each row. */
  readonly scale: Value;
  readonly outliers: Outliers | undefined;
}

interface Outliers {
  /** u8 [count, k]: a 1 in each row. Its product with a weight picks the rows of the outliers, so that only the packed weight is read. */
  readonly selection: Value;
  /** [S, count + 1]: their values, and a 1 for the bias. */
  readonly values: Value;
}

const ZERO_POINT = 128;
const MOST = 127;
/** A row of zeros needs a scale too. */
const LEAST_SCALE = 1e-30;

/**
 * Linear layers with integer products: activations in 8 bits with a scale for each token, weights with one for each output channel.
 * The input channels with the largest activations are found in each call and multiplied in fp32, since one large value
 * would leave the others of its token few levels. Layers without a weight in 8 bits are computed in fp32.
 * `find` tells of a layer's weight. One form is for one graph.
 */
export function int8Linear(find: (layer: LinearLayer) => Int8Layer | undefined): LinearForm {
  const inputs = new Map<string, QuantisedInput>();
  return (g, x, layer) => {
    const weight = find(layer);
    if (weight === undefined) return gemmLinear(g, x, layer);
    const key = `${x.name} ${weight.outliers}`;
    const input = inputs.get(key) ?? quantiseInput(g, x, layer.k, weight.outliers);
    inputs.set(key, input);
    return product(g, input, layer, weight);
  };
}

function product(g: Graph, input: QuantisedInput, { name, n, k, bias }: LinearLayer, weight: Int8Layer): Value {
  const data = g.stored(weight.data, [k, n]);
  const scales = g.stored(weight.scales, [n]);
  const times = (levels: Value, zeroPoint: number): Value =>
    g.op('MatMulIntegerToFloat', [levels, data, g.floats([1], []), scales, g.bytes([zeroPoint], [])]);
  const scaled = mul(g, times(input.levels, ZERO_POINT), input.scale);
  const { outliers } = input;
  if (outliers === undefined) return bias ? add(g, scaled, g.weight(`${name}.bias`, [n])) : scaled;
  const addend = bias ? reshape(g, g.weight(`${name}.bias`, [n]), [1, n]) : g.floats(new Float32Array(n), [1, n]);
  const kept = concat(g, [times(outliers.selection, 0), addend], 0);
  return g.op('Gemm', [outliers.values, kept, scaled]);
}

function quantiseInput(g: Graph, x: Value, k: number, count: number): QuantisedInput {
  const outliers = count === 0 ? undefined : findOutliers(g, x, k, count);
  const rest = outliers?.rest ?? x;
  const scale = g.op('Max', [mul(g, largest(g, rest, 1, 1), g.floats([1 / MOST], [1])), g.floats([LEAST_SCALE], [1])]);
  const zeroPoints = g.op('Expand', [g.bytes([ZERO_POINT], [1]), rowCount(g, x)]);
  const levels = g.op('QuantizeLinear', [rest, reshape(g, scale, [-1]), zeroPoints], { axis: 0 });
  return { levels, scale, outliers };
}

/** The `count` channels of x with the largest values, and x with zeros in their place. */
function findOutliers(g: Graph, x: Value, k: number, count: number): Outliers & { readonly rest: Value } {
  const [, indices] = g.ops('TopK', [largest(g, x, 0, 0), g.ints([count])], 2);
  const zeros = g.floats(new Float32Array(count), [count]);
  const mask = g.op('ScatterElements', [g.floats(new Float32Array(k).fill(1), [k]), indices!, zeros], { axis: 0 });
  const one = g.op('Expand', [g.floats([1], [1, 1]), concat(g, [rowCount(g, x), g.ints([1])], 0)]);
  const values = concat(g, [g.op('Gather', [x, indices!], { axis: 1 }), one], 1);
  const none = g.op('Expand', [g.bytes([0], [1, 1]), g.ints([count, k])]);
  const places = [reshape(g, indices!, [count, 1]), g.bytes(Array<number>(count).fill(1), [count, 1])];
  const selection = g.op('ScatterElements', [none, ...places], { axis: 1 });
  return { selection, values, rest: mul(g, x, mask) };
}

/** The largest absolute values along an axis. */
function largest(g: Graph, x: Value, axis: number, keepdims: 0 | 1): Value {
  const most = g.op('ReduceMax', [x, g.ints([axis])], { keepdims });
  const least = g.op('ReduceMin', [x, g.ints([axis])], { keepdims });
  return g.op('Max', [most, g.op('Neg', [least])]);
}
