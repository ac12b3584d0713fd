import type { StoredArray, Value } from './graph.ts';
import { gemmLinear, type LinearForm, type LinearLayer, type WeightRows } from './linear.ts';

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
 * Products with int8 activations, quantised by token and block of k: a relative error of about 0.007 for gaussian inputs, and of 0.02
 * if a few columns are 50 times larger; 4-bit weights cost 0.1. In fp32 (level 0 or 1) products of 4 bits take a third
 * longer, and 8 bits have no kernel: the whole weight would be widened to fp32 in each run.
 */
const INT8_ACTIVATIONS = 4;

/**
 * Linear layers whose weights have 4 or 8 bits: one com.microsoft MatMulNBits. Any n and k will do; the last block of a row may be
 * partly filled. The session must prepack (`disable_prepacking` 0): else each run widens the whole weight to fp32 first, and
 * takes more than twice as long. Layers without such a weight are computed in fp32.
 *
 * @example
 * blockLinear((layer) => manifest.blocksOf(layer.name))
 */
export function blockLinear(find: (layer: LinearLayer) => BlockWeights | undefined): LinearForm {
  return (g, x, layer) => {
    const { name, n, k, bias, rows } = layer;
    const weight = find(layer);
    if (weight === undefined) return gemmLinear(g, x, layer);
    const { bits, blockSize, data, scales, zeroPoints } = weight;
    const blocks = Math.ceil(k / blockSize);
    const stored = (array: StoredArray, dims: readonly number[]): Value => g.stored(partOfRows(array, n, rows), dims);
    const inputs = [
      x,
      stored(data, [n, blocks, (blockSize * bits) / 8]),
      stored(scales, [n, blocks]),
      zeroPoints && stored(zeroPoints, [n, Math.ceil((blocks * bits) / 8)]),
    ];
    // The fifth input would reorder the columns.
    const addend = bias ? [undefined, g.weight(`${name}.bias`, [n])] : [];
    const attributes = { N: n, K: k, bits, block_size: blockSize, accuracy_level: INT8_ACTIVATIONS };
    return g.op('MatMulNBits', [...inputs, ...addend], attributes);
  };
}

/** The part of an array whose rows are those of a whole weight that has `count` rows from `rows.first` on. */
function partOfRows(array: StoredArray, count: number, rows: WeightRows | undefined): StoredArray {
  if (rows === undefined) return array;
  const { prepacked: _, ...plain } = array;
  const row = array.byteLength / rows.total;
  return { ...plain, offset: array.offset + rows.first * row, byteLength: count * row };
}
