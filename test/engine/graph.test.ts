import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph, type Graph } from '../../packages/pipeline/src/onnx/graph.ts';
import { gemmLinear } from '../../packages/pipeline/src/onnx/linear.ts';
import { openWeights } from '../../packages/pipeline/src/weights/open-weights.ts';
import type { Weights } from '../../packages/pipeline/src/weights/weights.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-graph-'));
});
afterEach(() => rm(root, { recursive: true }));

const run = async (graph: Graph, feeds: Parameters<Awaited<ReturnType<typeof createGraphSession>>['run']>[0]) => {
  const session = await createGraphSession(graph, { device: deviceNamed(), threads: 1, root });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
};

describe('ONNX Runtime reads what the builder writes', () => {
  it('inputs with named sides, constants, attributes of every kind, several outputs', async () => {
    const g = createGraph('small');
    const x = g.input('x', ['rows', 4]);
    const [left, right] = g.ops('Split', [x], 2, { axis: 1, num_outputs: 2 });
    const sum = g.op('Add', [left!, g.op('Mul', [right!, g.floats([10, 100], [2])])]);
    g.output('sum', sum, ['rows', 2]);
    g.output('turned', g.op('Transpose', [sum], { perm: [1, 0] }), [2, 'rows']);
    g.output('leaky', g.op('LeakyRelu', [g.op('Neg', [sum])], { alpha: { float: 0.5 } }), ['rows', 2]);
    g.output('flat', g.op('Reshape', [sum, g.ints([-1])]), ['n']);
    const x_ = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), dims: [2, 4] };
    const out = await run(g, { x: x_ });
    expect(out.sum).toEqual({ data: Float32Array.of(31, 402, 75, 806), dims: [2, 2] });
    expect(out.turned).toEqual({ data: Float32Array.of(31, 75, 402, 806), dims: [2, 2] });
    expect(out.leaky?.data).toEqual(Float32Array.of(-15.5, -201, -37.5, -403));
    expect(out.flat?.dims).toEqual([4]);
  });

  it('an input and an output may have the same name', async () => {
    const g = createGraph('same');
    g.output('x', g.input('x', ['n']), ['n']);
    expect((await run(g, { x: { data: Float32Array.of(1, 2), dims: [2] } })).x?.data).toEqual(Float32Array.of(1, 2));
  });

  it('an optional input may be left out in the middle', async () => {
    const g = createGraph('clip');
    g.output('y', g.op('Clip', [g.input('x', ['n']), undefined, g.floats([1], [])]), ['n']);
    const x = { data: Float32Array.of(-5, 5), dims: [2] };
    expect((await run(g, { x })).y?.data).toEqual(Float32Array.of(-5, 1));
  });
});

it('numbers below the normal ones of fp32 count as zero, since processors take long over them', async () => {
  const g = createGraph('tiny');
  g.output('y', g.op('Mul', [g.input('x', ['n']), g.floats([0.5], [1])]), ['n']);
  const x = { data: Float32Array.of(1e-39, 4e-38, 1), dims: [3] };
  expect((await run(g, { x })).y?.data).toEqual(Float32Array.of(0, 2e-38, 0.5));
});

/** 1, -2, 0.5, 3 over and over, as each type stores them. */
const STORED = {
  F32: (count: number) => new Uint8Array(Float32Array.from({ length: count }, (_, i) => NUMBERS[i % 4]!).buffer),
  F16: (count: number) => new Uint8Array(Uint16Array.from({ length: count }, (_, i) => HALVES[i % 4]!).buffer),
  BF16: (count: number) => new Uint8Array(Uint16Array.from({ length: count }, (_, i) => BRAINS[i % 4]!).buffer),
};
const NUMBERS = [1, -2, 0.5, 3];
const HALVES = [0x3c00, 0xc000, 0x3800, 0x4200];
const BRAINS = [0x3f80, 0xc000, 0x3f00, 0x4040];

/** A checkpoint of one file in `root`/`part` with the tensor `pad` of 3 elements (6 or 12 bytes), and then `w`. */
async function checkpoint(dtype: keyof typeof STORED, shape: number[]): Promise<Weights> {
  const pad = STORED[dtype](3);
  const data = STORED[dtype](shape.reduce((a, b) => a * b, 1));
  const header = JSON.stringify({
    pad: { dtype, shape: [3], data_offsets: [0, pad.length] },
    w: { dtype, shape, data_offsets: [pad.length, pad.length + data.length] },
  });
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(root, 'model.safetensors'), Buffer.concat([prefix, Buffer.from(header), pad, data]));
  return openWeights(root, 'model');
}

describe.each(['F32', 'F16', 'BF16'] as const)('weights stored as %s arrive as fp32', (dtype) => {
  it.each([
    ['copied into the graph', 8],
    ['left in their file, at an odd place', 4100],
  ])('%s', async (_, rows) => {
    const weights = await checkpoint(dtype, [rows, 4]);
    const g = createGraph('weights', { weights, root, linear: gemmLinear });
    const w = g.weight('w', [rows, 4]);
    expect(g.weight('w', [rows, 4])).toBe(w);
    g.output('y', g.op('Gemm', [g.input('x', [1, 4]), w], { transB: 1 }), [1, rows]);
    const { y } = await run(g, { x: { data: Float32Array.of(1, 10, 100, 1000), dims: [1, 4] } });
    expect([...new Set(y!.data)]).toEqual([1 - 20 + 50 + 3000]);
    expect(y!.dims).toEqual([1, rows]);
    expect(g.serialize().length < 4000).toBe(true);
  });

  it('as another shape, and by rows', async () => {
    const weights = await checkpoint(dtype, [4100, 4]);
    const g = createGraph('rows', { weights, root, linear: gemmLinear });
    g.output('row', g.rows('w', [4100, 4], g.input('i', ['n'], 'int64')), ['n', 4]);
    g.output('flat', g.weight('w', [4100, 4], { as: [16400] }), [16400]);
    const { row, flat } = await run(g, { i: { data: BigInt64Array.of(4099n, 0n), dims: [2] } });
    expect(row).toEqual({ data: Float32Array.from([...NUMBERS, ...NUMBERS]), dims: [2, 4] });
    expect(flat!.dims).toEqual([16400]);
  });
});

it('a weight of another shape is refused before the runtime sees it', async () => {
  const weights = await checkpoint('F32', [8, 4]);
  const g = createGraph('wrong', { weights, root, linear: gemmLinear });
  expect(() => g.weight('w', [4, 8])).toThrow('w is [8,4], the configuration asks for [4,8]');
  expect(() => g.weight('v', [4, 8])).toThrow('the weight v is missing');
});

it("a graph that the runtime refuses is an engine_failed with the runtime's message", async () => {
  const g = createGraph('nonsense');
  g.output('y', g.op('NoSuchOperator', [g.input('x', ['n'])]), ['n']);
  await expect(run(g, {})).rejects.toMatchObject({
    code: 'engine_failed',
    message: expect.stringContaining('NoSuchOperator'),
  });
});
