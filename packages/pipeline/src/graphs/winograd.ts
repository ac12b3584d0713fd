import type { Graph, Value } from '../onnx/graph.ts';
import { add, concat, reshape } from '../onnx/layers.ts';

/** Results along the side of a tile, and elements along the side of a kernel. */
const TILE = 4;
const KERNEL = 3;
/**
 * Where polynomials are evaluated, besides infinity. The usual 0, ±1, ±2 lose more digits: measured over 384 channels in fp32, the error
 * of the results is 1.7e-6 with them, 1.1e-6 with these, and 0.2e-6 in a plain convolution.
 */
const POINTS = [0, 0.75, -0.75, 1.5, -1.5];
const POSITIONS = (POINTS.length + 1) ** 2;

type Matrix = readonly (readonly number[])[];

/** [6, 3]: values at the points of a polynomial with the kernel's elements, divided as interpolation will need it. */
const KERNEL_TRANSFORM: Matrix = [
  ...POINTS.map((point, i) => {
    const distance = POINTS.reduce((product, other, j) => (i === j ? product : product * (point - other)), 1);
    return Array.from({ length: KERNEL }, (_, k) => point ** k / distance);
  }),
  Array.from({ length: KERNEL }, (_, k) => (k === KERNEL - 1 ? 1 : 0)),
];
/** [6, 6]: coefficients of the polynomials that are zero at all points but one; the last one at all of them. */
const INPUT_TRANSFORM: Matrix = [
  ...POINTS.map((_, i) => [...withRoots(POINTS.filter((_, j) => i !== j)), 0]),
  withRoots(POINTS),
];
/** [4, 6]: from the products at the points to results. */
const RESULT_TRANSFORM: Matrix = Array.from({ length: TILE }, (_, k) => [
  ...POINTS.map((point) => point ** k),
  k === TILE - 1 ? 1 : 0,
]);

/** With fewer channels the transforms cost what the products save: measured at 96, 192 and 384. */
const FEWEST_CHANNELS = 192;

/** Whether winogradConvolution is faster than a plain convolution of so many channels. */
export function winogradPays([to, from]: readonly [to: number, from: number]): boolean {
  return Math.min(to, from) >= FEWEST_CHANNELS;
}

/** Products that winogradConvolution takes for each place of the result, those of its transforms included; a plain one 9 · from · to. */
export function winogradProducts([to, from]: readonly [to: number, from: number]): number {
  return (POSITIONS * (to * from + POSITIONS * from)) / TILE ** 2 + POSITIONS * to;
}

/**
 * A 3 × 3 convolution with zeros around the picture: x [1, H, W, from], kernel [9, from, to], bias [to] -> [1, H, W, to]. Tiles of
 * 4 × 4 results are computed as 36 products for each pair of channels instead of 144, between transforms of inputs, kernel and
 * results: F(4 × 4, 3 × 3). Pays for many channels, of which the transforms see each once.
 * Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015.
 */
export function winogradConvolution(
  g: Graph,
  x: Value,
  kernel: Value,
  bias: Value,
  [to, from]: readonly [to: number, from: number],
): Value {
  const side = TILE + KERNEL - 1;
  // Tiles of 6 × 6 places, four places apart; the last row and column of tiles may end in zeros. The third axis is the channels.
  const tiles = g.op(
    'Conv',
    [g.op('Unsqueeze', [x, g.ints([1])]), matrix(g, squared(INPUT_TRANSFORM), [POSITIONS, 1, side, side, 1])],
    { kernel_shape: [side, side, 1], strides: [TILE, TILE, 1], pads: [1, 1, 0, TILE, TILE, 0] },
  );
  const products = g.op('MatMul', [reshape(g, tiles, [POSITIONS, -1, from]), transformed(g, x, kernel, [to, from])]);
  const results = g.op('MatMul', [matrix(g, squared(RESULT_TRANSFORM)), reshape(g, products, [POSITIONS, -1])]);

  const counts = g.op('Shape', [tiles], { start: 2, end: 4 });
  const apart = g.op('Reshape', [results, concat(g, [g.ints([TILE, TILE]), counts, g.ints([to])], 0)]);
  const sides = g.op('Mul', [counts, g.ints([TILE])]);
  const whole = g.op('Reshape', [
    g.op('Transpose', [apart], { perm: [2, 0, 3, 1, 4] }),
    concat(g, [g.ints([1]), sides, g.ints([to])], 0),
  ]);
  const size = g.op('Shape', [x], { start: 1, end: 3 });
  return add(g, g.op('Slice', [whole, g.ints([0, 0]), size, g.ints([1, 2])]), bias);
}

/** [9, from, to] -> [36, from, to]. */
function transformed(g: Graph, x: Value, kernel: Value, [to, from]: readonly [to: number, from: number]): Value {
  const size = KERNEL ** 2;
  // The whole kernel, but up to an end that depends on the picture: ONNX Runtime would compute a product of constants when it loads the
  // graph, and keep it, at four times the memory of the kernel; and it would keep a packed copy of a constant factor.
  const end = add(g, g.op('Shape', [x], { start: 1, end: 2 }), g.ints([size]));
  const elements = reshape(g, g.op('Slice', [kernel, g.ints([0]), end, g.ints([0])]), [size, -1]);
  return reshape(g, g.op('MatMul', [matrix(g, squared(KERNEL_TRANSFORM)), elements]), [POSITIONS, from, to]);
}

/** The transform of rows and then of columns, as one matrix: the Kronecker product of a matrix with itself. */
function squared(one: Matrix): Matrix {
  return one.flatMap((a) => one.map((b) => a.flatMap((x) => b.map((y) => x * y))));
}

function matrix(g: Graph, values: Matrix, dims = [values.length, values[0]?.length ?? 0]): Value {
  return g.floats(values.flat(), dims);
}

/** Coefficients, lowest first, of the polynomial that is zero exactly at `roots`. */
function withRoots(roots: readonly number[]): number[] {
  let coefficients = [1];
  for (const root of roots)
    coefficients = [0, ...coefficients].map((higher, i) => higher - root * (coefficients[i] ?? 0));
  return coefficients;
}
