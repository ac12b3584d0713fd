import type { Graph, Value } from './graph.ts';
import { add, concat, mul, reshape, rowCount } from './layers.ts';
import { gemmLinear, type LinearForm, type LinearLayer } from './linear.ts';
import { type FindPrepared, type PreparedLayer, storedOf } from './prepared-layer.ts';
import { sharedInputs } from './shared-inputs.ts';

/** What is left of an input after its outliers are taken out, in 8 bits, and those outliers. Layers with the same input share it. */
interface QuantisedInput {
  /** u8 [S, k] with zero point 128 */
  readonly levels: Value;
  /** [S, 1]: what a level stands for in each row. */
  readonly scale: Value;
  readonly outliers: Outliers | undefined;
}

interface Outliers {
  /** int64 [count]: which input channels they are. */
  readonly indices: { readonly value: Value; readonly count: number };
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
 */
export function int8Linear(find: FindPrepared): LinearForm {
  const inputs = sharedInputs<QuantisedInput>();
  return (g, x, layer) => {
    const weight = find(layer.name);
    if (weight === undefined) return gemmLinear(g, x, layer);
    const outliers = Math.min(weight.settings.outliers ?? 0, layer.k);
    const input = inputs(g, `${x.name} ${outliers}`, () => quantiseInput(g, x, layer.k, outliers));
    return product(g, input, layer, weight);
  };
}

/** The arrays of `weight`: `data` I8 [k, n] and `scales` F32 [n], as quantiseInt8 makes them. */
function product(g: Graph, input: QuantisedInput, { name, n, k, bias }: LinearLayer, weight: PreparedLayer): Value {
  const [data, scales] = [storedOf(g, weight, 'data', [k, n]), storedOf(g, weight, 'scales', [n])];
  const times = (levels: Value, zeroPoint: number): Value =>
    g.op('MatMulIntegerToFloat', [levels, data, g.floats([1], []), scales, g.bytes([zeroPoint], [])]);
  const scaled = mul(g, times(input.levels, ZERO_POINT), input.scale);
  const { outliers } = input;
  if (outliers === undefined) return bias ? add(g, scaled, g.weight(`${name}.bias`, [n])) : scaled;
  const addend = bias ? reshape(g, g.weight(`${name}.bias`, [n]), [1, n]) : g.floats(new Float32Array(n), [1, n]);
  // With a weight that is laid out for the processor, only a product can pick rows: the weight itself is then not in memory.
  const isLaidOut = weight.arrays.data?.prepacked !== undefined;
  const rows = isLaidOut
    ? times(select(g, outliers.indices, k), 0)
    : g.op('DequantizeLinear', [g.op('Gather', [data, outliers.indices.value], { axis: 0 }), scales], { axis: 1 });
  const kept = concat(g, [rows, addend], 0);
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
  return { indices: { value: indices!, count }, values, rest: mul(g, x, mask) };
}

/** u8 [count, k]: a 1 in each row, so that its product with a weight [k, n] is rows of the weight. */
function select(g: Graph, { value, count }: Outliers['indices'], k: number): Value {
  const none = g.op('Expand', [g.bytes([0], [1, 1]), g.ints([count, k])]);
  const places = [reshape(g, value, [count, 1]), g.bytes(Array<number>(count).fill(1), [count, 1])];
  return g.op('ScatterElements', [none, ...places], { axis: 1 });
}

/** The largest absolute values along an axis. */
function largest(g: Graph, x: Value, axis: number, keepdims: 0 | 1): Value {
  const most = g.op('ReduceMax', [x, g.ints([axis])], { keepdims });
  const least = g.op('ReduceMin', [x, g.ints([axis])], { keepdims });
  return g.op('Max', [most, g.op('Neg', [least])]);
}
