import type { Attributes, Graph, Value } from '../onnx/graph.ts';
import { concat, reshape } from '../onnx/layers.ts';

/**
 * Convolutions of maps [1, H, W, C]. ONNX Runtime computes them on blocks of channels and copies their maps into that form and back:
 * it makes the Transpose before and behind a Conv part of these copies, so that channels last cost nothing.
 */

/** [1, C, H, W] -> [1, H, W, C]. */
export function channelsLast(g: Graph, x: Value): Value {
  return g.op('Transpose', [x], { perm: [0, 2, 3, 1] });
}

/** [1, H, W, C] -> [1, C, H, W]. */
export function channelsFirst(g: Graph, x: Value): Value {
  return g.op('Transpose', [x], { perm: [0, 3, 1, 2] });
}

/** x [1, H, W, from], kernel [to, from, rows, columns], bias [to] -> [1, H', W', to]. */
export function convolution(g: Graph, x: Value, kernel: Value, bias: Value, attributes: Attributes): Value {
  return channelsLast(g, g.op('Conv', [channelsFirst(g, x), kernel, bias], attributes));
}

/** Which rows of a 3 × 3 kernel see the same row of the picture before it was doubled: for even rows of the result, and for odd ones. */
const MERGED = [
  [1, 0, 0, 0, 1, 1],
  [1, 1, 0, 0, 0, 1],
] as const;

/** Products of doubledConvolution for each place of the result and each pair of channels, and elements of its four kernels. */
export const DOUBLED_PRODUCTS = 2 * 2;
export const DOUBLED_KERNEL = 4 * DOUBLED_PRODUCTS;

/**
 * A picture is doubled by nearest neighbour, then convolved by a 3 × 3 kernel [to, from, 3, 3], zeros around it: x [1, h, w, from] ->
 * [1, 2h, 2w, to]. A quarter of the result, those with even or odd rows and columns, sees 2 × 2 places of x, so that it is a convolution
 * of x by a kernel of sums: 4 products for each place of the result instead of 9, and no doubled picture in memory.
 */
export function doubledConvolution(g: Graph, x: Value, kernel: Value, bias: Value, to: number): Value {
  const quarter = (row: 0 | 1, column: 0 | 1): Value => {
    const rows = g.op('MatMul', [g.floats(MERGED[row], [2, 3]), kernel]);
    const columns = g.op('Transpose', [g.floats(MERGED[column], [2, 3])], { perm: [1, 0] });
    const pads = [1 - row, 1 - column, row, column];
    return convolution(g, x, g.op('MatMul', [rows, columns]), bias, { kernel_shape: [2, 2], pads });
  };
  const pair = (row: 0 | 1): Value => {
    const columns = concat(g, [quarter(row, 0), quarter(row, 1)], 3);
    return reshape(g, columns, [0, 0, -1]);
  };
  const size = g.op('Mul', [g.op('Shape', [x], { start: 1, end: 3 }), g.ints([2])]);
  const dims = concat(g, [g.ints([1]), size, g.ints([to])], 0);
  return g.op('Reshape', [concat(g, [pair(0), pair(1)], 2), dims]);
}
