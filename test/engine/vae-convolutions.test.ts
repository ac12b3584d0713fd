import { describe, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { convolution, doubledConvolution } from '../../packages/pipeline/src/graphs/convolution.ts';
import { winogradConvolution } from '../../packages/pipeline/src/graphs/winograd.ts';
import { createGraph, type Graph, type Value } from '../../packages/pipeline/src/onnx/graph.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { relativeError } from '../parity/goldens.ts';

const FROM = 32;
const TO = 48;
/** Two orders of one sum in fp32, over 288 products. */
const ROUNDING = 1e-5;

const kernels = randn(TO * FROM * 9, 1n);
const biases = randn(TO, 2n);

type Form = (g: Graph, x: Value, kernel: Value, bias: Value) => Value;

/** Runs a form of the convolution on a random picture. */
async function run(form: Form, height: number, width: number): Promise<Float32Array> {
  const g = createGraph('convolution');
  const x = g.input('x', [1, 'h', 'w', FROM]);
  const y = form(g, x, g.floats(kernels, [TO, FROM, 3, 3]), g.floats(biases, [TO]));
  g.output('y', y, [1, 'H', 'W', TO]);
  const session = await createGraphSession(g, { device: deviceNamed(), threads: 1, root: '.', foldConstants: true });
  const picture = { data: randn(height * width * FROM, 3n), dims: [1, height, width, FROM] };
  const { y: result } = await session.run({ x: picture });
  await session.release();
  return result!.data;
}

const plain: Form = (g, x, kernel, bias) =>
  convolution(g, x, kernel, bias, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
const winograd: Form = (g, x, kernel, bias) => {
  const elements = g.op('Transpose', [g.op('Reshape', [kernel, g.ints([TO, FROM, 9])])], { perm: [2, 1, 0] });
  return winogradConvolution(g, x, elements, bias, [TO, FROM]);
};
const resized: Form = (g, x, kernel, bias) => {
  const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return plain(g, g.op('Resize', [x, undefined, g.floats([1, 2, 2, 1], [4])], nearest), kernel, bias);
};

describe.each([
  [8, 8],
  [7, 10],
  [1, 3],
  [13, 5],
])('on %i × %i places', (height, width) => {
  it('a convolution by tiles gives what a plain one gives', async () => {
    const fast = await run(winograd, height, width);
    expect(relativeError(fast, await run(plain, height, width))).toBeLessThan(ROUNDING);
  });

  it('a convolution of a doubled picture gives what resizing and a plain one give', async () => {
    const fast = await run((...all) => doubledConvolution(...all, TO), height, width);
    expect(relativeError(fast, await run(resized, height, width))).toBeLessThan(ROUNDING);
  });
});
