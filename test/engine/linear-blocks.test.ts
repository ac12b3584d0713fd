import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph, type StoredArray } from '../../packages/pipeline/src/onnx/graph.ts';
import { blockLinear } from '../../packages/pipeline/src/onnx/linear-blocks.ts';
import type { QuantisedBlocks } from '../../packages/pipeline/src/quantise/blocks.ts';
import { quantiseInt4 } from '../../packages/pipeline/src/quantise/int4.ts';
import { quantiseInt8Blocks } from '../../packages/pipeline/src/quantise/int8-blocks.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { openWeights } from '../../packages/pipeline/src/weights/open-weights.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-blocks-'));
});
afterEach(() => rm(root, { recursive: true }));

const BLOCK = 128;
const LAYER = 'layer';

/** A checkpoint with the bias of the one layer. */
async function biasOnly(bias: Float32Array) {
  const bytes = Buffer.from(bias.buffer);
  const entry = { dtype: 'F32', shape: [bias.length], data_offsets: [0, bytes.length] };
  const header = Buffer.from(JSON.stringify({ [`${LAYER}.bias`]: entry }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(root, 'model.safetensors'), Buffer.concat([prefix, header, bytes]));
  return openWeights(root, 'model');
}

/** What the stored codes mean, as a plain matrix [n, k]. */
function widened({ data, scales, zeroPoints }: QuantisedBlocks, bits: 4 | 8, n: number, k: number): Float64Array {
  const blocks = Math.ceil(k / BLOCK);
  const codes = bits === 8 ? data : Uint8Array.from({ length: 2 * data.length }, (_, i) => nibble(data, i));
  const zeroRow = 2 * Math.ceil(blocks / 2);
  return Float64Array.from({ length: n * k }, (_, i) => {
    const row = Math.floor(i / k);
    const block = Math.floor((i % k) / BLOCK);
    const zero = zeroPoints === undefined ? 2 ** (bits - 1) : nibble(zeroPoints, row * zeroRow + block);
    return (codes[(row * blocks + block) * BLOCK + ((i % k) % BLOCK)]! - zero) * scales[row * blocks + block]!;
  });
}
const nibble = (bytes: Uint8Array, i: number): number => (bytes[i >> 1]! >> (4 * (i & 1))) & 15;

/** The layer's product through ONNX Runtime, prepacked or not. */
async function run(
  x: Float32Array,
  bits: 4 | 8,
  [n, k]: [number, number],
  blocks: QuantisedBlocks,
  bias: Float32Array,
  prepack: boolean,
) {
  const stored = async (file: string, array: Uint8Array | Float32Array): Promise<StoredArray> => {
    const bytes = new Uint8Array(array.buffer);
    await writeFile(join(root, file), bytes);
    const dtype = array instanceof Float32Array ? 'F32' : 'U8';
    return { name: file, dtype, path: join(root, file), offset: 0, byteLength: bytes.length };
  };
  const zeroPoints = blocks.zeroPoints && (await stored('zero', blocks.zeroPoints));
  const where = { data: await stored('data', blocks.data), scales: await stored('scales', blocks.scales), zeroPoints };
  const linear = blockLinear(() => ({ bits, blockSize: BLOCK, ...where }));
  const g = createGraph('layer', { weights: await biasOnly(bias), root, linear });
  const layer = { name: LAYER, n, k, bias: true, stored: [n, k] };
  g.output('y', g.linear(g.input('x', ['rows', k]), layer), ['rows', n]);
  const options = { device: deviceNamed(), threads: 1, root, prepack };
  const session = await createGraphSession(g, options);
  try {
    const { y } = await session.run({ x: { data: x, dims: [x.length / k, k] } });
    return y?.data ?? Float32Array.of();
  } finally {
    await session.release();
  }
}

it.each([
  [4, 96, 320],
  [4, 19, 130],
  [4, 64, 64],
  [4, 40, 512],
  [8, 96, 320],
  [8, 19, 130],
  [8, 40, 512],
] as const)('%d-bit weights [%d, %d] act as the codes say', async (bits, n, k) => {
  const rows = 9;
  const weight = randn(n * k, 1n);
  const x = randn(rows * k, 2n);
  const bias = randn(n, 3n);
  const blocks =
    bits === 4
      ? quantiseInt4(weight, n, k, { blockSize: BLOCK })
      : quantiseInt8Blocks(weight, n, k, { blockSize: BLOCK });
  const wide = widened(blocks, bits, n, k);
  const exact = Float64Array.from({ length: rows * n }, (_, i) => {
    let sum = bias[i % n]!;
    for (let c = 0; c < k; c++) sum += x[Math.floor(i / n) * k + c]! * wide[(i % n) * k + c]!;
    return sum;
  });
  const error = (y: Float32Array): number =>
    Math.hypot(...y.map((value, i) => value - exact[i]!)) / Math.hypot(...exact);
  // Without prepacking the product is computed in fp32; with it, over activations of 8 bits.
  expect(error(await run(x, bits, [n, k], blocks, bias, false))).toBeLessThan(1e-6);
  expect(error(await run(x, bits, [n, k], blocks, bias, true))).toBeLessThan(0.01);
});
