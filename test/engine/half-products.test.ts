import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { fusedAttention } from '../../packages/pipeline/src/onnx/attention.ts';
import { halfAttention } from '../../packages/pipeline/src/onnx/attention-half.ts';
import { cutLinear } from '../../packages/pipeline/src/onnx/cut-linear.ts';
import { createGraph, type Graph, type Value } from '../../packages/pipeline/src/onnx/graph.ts';
import { gemmLinear, type LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import { halfLinear } from '../../packages/pipeline/src/onnx/linear-half.ts';
import { cast } from '../../packages/pipeline/src/onnx/number-types.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import type { TensorInfo } from '../../packages/pipeline/src/weights/safetensors.ts';
import type { Weights } from '../../packages/pipeline/src/weights/weights.ts';
import { emulatedAttention, emulatedLinear } from '../support/half-emulation.ts';

const [ROWS, N, K] = [6, 24, 512];
const NAME = 'layer';
const LAYER = { name: NAME, n: N, k: K, bias: true, stored: [N, K] };

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-half-'));
  for (const [name, { buffer }] of Object.entries(values))
    await writeFile(join(root, `${name}.bin`), new Uint8Array(buffer));
});
afterAll(() => rm(root, { recursive: true }));

/** A checkpoint with one layer: rows of about length 1, as trained ones have. */
const values: Readonly<Record<string, Float32Array>> = {
  [`${NAME}.weight`]: randn(N * K, 1n).map((x) => x * K ** -0.5),
  [`${NAME}.bias`]: randn(N, 2n),
};
const weights: Weights = {
  component: 'made up',
  tensors: new Map(),
  has: (name) => name in values,
  get: (name, shape): TensorInfo => {
    const { byteLength } = values[name]!;
    return { name, dtype: 'F32', shape, path: join(root, `${name}.bin`), offset: 0, byteLength };
  },
  read: ({ name }) => values[name]!,
};

async function compute(inputs: Readonly<Record<string, Float32Array>>, build: (g: Graph) => Value) {
  const g = createGraph('half', { weights, root, linear: gemmLinear });
  g.output('y', build(g), ['S', 'N']);
  const session = await createGraphSession(g, { device: deviceNamed(), threads: 1, root });
  const feeds = Object.entries(inputs).map(([name, data]) => [name, { data, dims: [ROWS, data.length / ROWS] }]);
  const { y } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return y!.data;
}

const product = (form: LinearForm, x: Float32Array): Promise<Float32Array> =>
  compute({ x }, (g) => form(g, g.input('x', ['S', K]), LAYER));

/** Four channels of every second token are so many times larger. */
function planted(factor: number): Float32Array {
  const x = randn(ROWS * K, 3n);
  for (let row = 0; row < ROWS; row += 2) for (const channel of [3, 77, 200, 501]) x[row * K + channel]! *= factor;
  return x;
}

/** Decibels of each token for itself, so that large ones do not hide small ones. */
async function worstToken(form: LinearForm, x: Float32Array): Promise<number> {
  const [y, exact] = [await product(form, x), await product(gemmLinear, x)];
  const rows = Array.from({ length: ROWS }, (_, i) =>
    signalDecibels(y.subarray(i * N, (i + 1) * N), exact.subarray(i * N, (i + 1) * N)),
  );
  return Math.min(...rows);
}

/** What a converter makes of a linear layer: everything in fp16. */
const plainFp16: LinearForm = (g, x, { name, n, k, stored }) => {
  const weight = g.weight(`${name}.weight`, stored, { as: [n, k], type: 'fp16' });
  return cast(g, g.op('Gemm', [cast(g, x, 'fp16'), weight], { transB: 1 }), 'fp32');
};
const fp16 = emulatedLinear(halfLinear('fp16'));
const bf16 = emulatedLinear(halfLinear('bf16'));

describe('products of 16 bits', () => {
  it.each([1, 1e4, 1e5, 1e8])('in fp16 do not overflow with activations that are %d times larger', async (factor) => {
    expect(await worstToken(fp16, planted(factor))).toBeGreaterThan(60);
  });

  it('and would overflow without the scales', async () => {
    const y = await product(emulatedLinear(plainFp16), planted(1e5));
    expect(y.every(Number.isFinite)).toBe(false);
  });

  it.each([1, 1e5])('in bf16 stay within its 8 bits (%d times larger)', async (factor) => {
    const found = await worstToken(bf16, planted(factor));
    expect(found).toBeGreaterThan(43);
    expect(found).toBeLessThan(60);
  });

  it('of a token of zeros are the bias', async () => {
    const bias = Array.from({ length: ROWS }, () => [...values[`${NAME}.bias`]!]).flat();
    expect([...(await product(fp16, new Float32Array(ROWS * K)))]).toEqual(bias);
  });

  it('of a weight that is cut are those of the whole', async () => {
    const x = planted(1e4);
    const cut = (form: LinearForm) => cutLinear(form, { largest: 2 * K * 10, bytesPerWeight: 2 });
    expect(await product(cut(fp16), x)).toEqual(await product(fp16, x));
    expect(await worstToken(cut(bf16), x)).toBeGreaterThan(43);
  });

  it.each(['fp16', 'bf16'] as const)('in %s, layers with the same input round it once', (type) => {
    const g = createGraph('shared', { weights, root, linear: gemmLinear });
    const operators: string[] = [];
    const counting: Graph = {
      ...g,
      op(name, ...rest) {
        operators.push(name);
        return g.op(name, ...rest);
      },
    };
    const form = halfLinear(type);
    const x = counting.input('x', ['S', K]);
    form(counting, x, LAYER);
    const first = operators.splice(0).length;
    form(counting, x, LAYER);
    expect(operators.filter((name) => name === 'ReduceL2')).toEqual([]);
    expect(operators.length).toBeLessThan(first);
  });
});

describe('attention in 16 bits', () => {
  const DIM = 32;
  const HEADS = { count: 2, dim: DIM };
  const normed = (seed: bigint): Float32Array => randn(ROWS * 2 * DIM, seed);
  const attend = (form: typeof fusedAttention, v: Float32Array): Promise<Float32Array> =>
    compute({ q: normed(4n), k: normed(5n), v }, (g) => {
      const [q, k, value] = ['q', 'k', 'v'].map((name) =>
        g.op('Reshape', [g.input(name, ['S', 2 * DIM]), g.ints([1, -1, 2 * DIM])]),
      );
      return g.op('Reshape', [form(g, [q!, k!, value!], HEADS, {}), g.ints([-1, 2 * DIM])]);
    });

  it.each([
    ['fp16', 1, 55],
    ['fp16', 1e6, 55],
    ['bf16', 1, 38],
    ['bf16', 1e6, 38],
  ] as const)('in %s does not overflow with values that are %d times larger', async (type, factor, bound) => {
    const v = normed(6n);
    for (let row = 0; row < ROWS; row++) v[row * 2 * DIM + 7]! *= factor;
    const y = await attend(emulatedAttention(halfAttention(fusedAttention, type)), v);
    const exact = await attend(fusedAttention, v);
    const channels = (all: Float32Array, large: boolean) => all.filter((_, i) => (i % (2 * DIM) === 7) === large);
    for (const large of [true, false])
      expect(signalDecibels(channels(y, large), channels(exact, large))).toBeGreaterThan(bound);
  });
});
