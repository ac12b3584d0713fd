import type { StoredArray, Value } from './graph.ts';
import { add } from './layers.ts';
import { gemmLinear, type LinearForm, type LinearLayer, type WeightRows } from './linear.ts';
import { cast } from './number-types.ts';
import { sharedInputs } from './shared-inputs.ts';

/** The weight of a linear layer in blocks along k with a scale each: what quantise/ makes, where it lies. */
export interface BlockWeights {
  readonly bits: 4 | 8;
  readonly blockSize: number;
  /** [n, blocks, blockSize · bits / 8] */
  readonly data: StoredArray;
  /** fp32 [n, blocks] */
  readonly scales: StoredArray;
  /** [n, ⌈blocks · bits / 8⌉]; without them the middle code means 0. */
  readonly zeroPoints?: StoredArray | undefined;
}

/**
 * What activations are rounded to in products with such weights.
 *
 * `int8`: by token and block of k, a relative error of about 0.007 for gaussian inputs, and of 0.02 if a few columns are 50 times
 * larger; 4-bit weights cost 0.1. On a processor, products of 4 bits take a third longer in fp32, and 8 bits have no kernel: the whole
 * weight would be widened in each run. `bf16`: scales are rounded too, and the bias is added in fp32.
 */
export type BlockInputs = 'int8' | 'fp32' | 'bf16';

/** Attribute accuracy_level of MatMulNBits; 0 lets the kernel choose, which is the type of the inputs. */
const ACCURACY = { int8: 4, fp32: 0, bf16: 0 } as const;

/**
 * Linear layers whose weights have 4 or 8 bits: one com.microsoft MatMulNBits. Any n and k will do; the last block of a row may be
 * partly filled. On a processor the session must prepack (`disable_prepacking` 0): else each run widens the whole weight to fp32 first,
 * and takes more than twice as long. Layers without such a weight are computed in fp32.
 *
 * @example
 * blockLinear((layer) => manifest.blocksOf(layer.name))
 */
export function blockLinear(
  find: (layer: LinearLayer) => BlockWeights | undefined,
  inputs: BlockInputs = 'int8',
): LinearForm {
  const rounded = sharedInputs<Value>();
  return (g, x, layer) => {
    const { name, n, k, bias, rows } = layer;
    const weight = find(layer);
    if (weight === undefined) return gemmLinear(g, x, layer);
    const { bits, blockSize, data, scales, zeroPoints } = weight;
    const blocks = Math.ceil(k / blockSize);
    const stored = (array: StoredArray, dims: readonly number[]): Value => g.stored(partOfRows(array, n, rows), dims);
    const codes = stored(data, [n, blocks, (blockSize * bits) / 8]);
    const steps = stored(scales, [n, blocks]);
    const zeros = zeroPoints && stored(zeroPoints, [n, Math.ceil((blocks * bits) / 8)]);
    const attributes = { N: n, K: k, bits, block_size: blockSize, accuracy_level: ACCURACY[inputs] };
    const addend = bias ? [g.weight(`${name}.bias`, [n])] : [];
    if (inputs === 'bf16') {
      const tokens = rounded(g, x.name, () => cast(g, x, inputs));
      const product = g.op('MatMulNBits', [tokens, codes, cast(g, steps, inputs), zeros], attributes);
      return addend.reduce((y, each) => add(g, y, each), cast(g, product, 'fp32'));
    }
    // The fifth input would reorder the columns.
    const last = addend.length === 0 ? [] : [undefined, ...addend];
    return g.op('MatMulNBits', [x, codes, steps, zeros, ...last], attributes);
  };
}

/** The part of an array whose rows are those of a whole weight that has `count` rows from `rows.first` on. */
function partOfRows(array: StoredArray, count: number, rows: WeightRows | undefined): StoredArray {
  if (rows === undefined) return array;
  const { prepacked: _, ...plain } = array;
  const row = array.byteLength / rows.total;
  return { ...plain, offset: array.offset + rows.first * row, byteLength: count * row };
}
