import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { int8Preparation } from '../../packages/pipeline/src/engine/preparations/int8.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';
import { int8Linear } from '../../packages/pipeline/src/onnx/linear-int8.ts';
import type { PreparedLayer } from '../../packages/pipeline/src/onnx/prepared-layer.ts';
import { layOut } from '../../packages/pipeline/src/prepared/lay-out.ts';
import { quantiseInt8 } from '../../packages/pipeline/src/quantise/int8.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import { createWeights } from '../../packages/pipeline/src/weights/weights.ts';

const [ROWS, N, K] = [24, 96, 160];
const NAME = 'layer';
const layer = { name: NAME, n: N, k: K, bias: false, stored: [N, K] };
const weight = randn(N * K, 1n).map((x) => 0.02 * x);
const inputs = randn(ROWS * K, 2n);
const weights = createWeights('made up', new Map(), new Map());

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-int8-'));
});
afterEach(() => rm(root, { recursive: true }));

/** x · weightᵀ in doubles. */
function product(x: Float32Array): Float32Array {
  const y = new Float32Array(ROWS * N);
  for (let r = 0; r < ROWS; r++)
    for (let c = 0; c < N; c++) {
      let sum = 0;
      for (let i = 0; i < K; i++) sum += x[r * K + i]! * weight[c * K + i]!;
      y[r * N + c] = sum;
    }
  return y;
}

/** The weight in a file, as it is stored and as it is laid out for this processor. */
async function prepare(): Promise<{ plain: PreparedLayer; laidOut: PreparedLayer }> {
  const { data, scales } = quantiseInt8(weight, N, K);
  const path = join(root, 'weights.bin');
  await writeFile(path, Buffer.concat([Buffer.from(data.buffer), Buffer.from(scales.buffer)]));
  const arrays = {
    data: { name: 'data', dtype: 'I8', path, offset: 0, byteLength: data.byteLength },
    scales: { name: 'scales', dtype: 'F32', path, offset: data.byteLength, byteLength: scales.byteLength },
  } as const;
  const plain = { arrays, settings: { outliers: 4 } };
  const places = await layOut(join(root, 'laid-out'), weights, new Map([[layer, plain]]), int8Preparation);
  const prepacked = places.get('data');
  if (prepacked === undefined) throw new Error('ONNX Runtime lays nothing out');
  // Both have to lie in one file.
  const bytes = join(root, 'laid-out.bin');
  const both = Buffer.concat([await readFile(bytes), Buffer.from(data.buffer)]);
  await writeFile(bytes, both);
  const moved = { ...arrays.data, path: bytes, offset: both.length - data.byteLength, prepacked };
  return { plain, laidOut: { ...plain, arrays: { ...arrays, data: moved } } };
}

async function run(
  prepared: PreparedLayer,
  x: Float32Array,
  outliers: number,
  prepack: boolean,
): Promise<Float32Array> {
  const linear = int8Linear(() => ({ ...prepared, settings: { outliers } }));
  const g = createGraph('int8', { weights, root: '/', linear });
  g.output('y', g.linear(g.input('x', ['S', K]), layer), ['S', N]);
  const session = await createGraphSession(g, { device: deviceNamed(), threads: 1, root: '/', prepack });
  try {
    return (await session.run({ x: { data: x, dims: [ROWS, K] } })).y?.data ?? new Float32Array();
  } finally {
    await session.release();
  }
}

it('a product is within 1 % of fp32, and the same however its weight is laid out', async () => {
  const { plain, laidOut } = await prepare();
  for (const outliers of [0, 4]) {
    const y = await run(plain, inputs, outliers, false);
    expect(signalDecibels(y, product(inputs))).toBeGreaterThan(40);
    expect(await run(laidOut, inputs, outliers, true)).toEqual(y);
  }
});

it('massive activations in a few channels cost less if these channels are kept apart', async () => {
  const { plain } = await prepare();
  const massive = inputs.map((x, i) => ([7, 40, 99, 150].includes(i % K) ? 50 * x : x));
  const wanted = product(massive);
  const [none, four] = [await run(plain, massive, 0, false), await run(plain, massive, 4, false)];
  expect(signalDecibels(four, wanted)).toBeGreaterThan(signalDecibels(none, wanted) + 8);
});

it('a row of zeros, and more outliers than channels, are no trouble', async () => {
  const { plain } = await prepare();
  const zeros = inputs.map((x, i) => (i < K ? 0 : x));
  const y = await run(plain, zeros, 4, false);
  expect(y.subarray(0, N).every((value) => value === 0)).toBe(true);
  expect(signalDecibels(await run(plain, zeros, 1000, false), product(zeros))).toBeGreaterThan(40);
});
