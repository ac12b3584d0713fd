import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph, type StoredArray } from '../../packages/pipeline/src/onnx/graph.ts';
import { gemmLinear } from '../../packages/pipeline/src/onnx/linear.ts';
import { type BlockInputs, blockLinear } from '../../packages/pipeline/src/onnx/linear-blocks.ts';
import { quantiseInt4 } from '../../packages/pipeline/src/quantise/int4.ts';
import { quantiseInt8Blocks } from '../../packages/pipeline/src/quantise/int8-blocks.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import type { Weights } from '../../packages/pipeline/src/weights/weights.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-blocks-'));
});
afterAll(() => rm(root, { recursive: true }));

const BLOCK = 128;
const [ROWS, N] = [6, 24];
const bias = randn(N, 3n);
const weights: Weights = {
  component: 'made up',
  tensors: new Map(),
  has: () => true,
  get: (name, shape) => ({ name, dtype: 'F32', shape, path: '/', offset: 0, byteLength: 0 }),
  read: () => bias,
};

async function stored(name: string, array: Uint8Array | Float32Array): Promise<StoredArray> {
  const path = join(root, name);
  await writeFile(path, new Uint8Array(array.buffer));
  const dtype = array instanceof Float32Array ? 'F32' : 'U8';
  return { name, dtype, path, offset: 0, byteLength: array.byteLength };
}

describeOnDevice('weights in blocks on a graphics card', () => {
  it.each([
    [8, 256, 'the middle code means 0'],
    [4, 300, 'with zero points, and a last block that is partly filled'],
  ] as const)('%d bits, %d columns: %s', async (bits, k, _) => {
    const weight = randn(N * k, 1n);
    const blocks =
      bits === 4
        ? quantiseInt4(weight, N, k, { blockSize: BLOCK })
        : quantiseInt8Blocks(weight, N, k, { blockSize: BLOCK });
    const where = {
      data: await stored(`data${bits}`, blocks.data),
      scales: await stored(`scales${bits}`, blocks.scales),
      zeroPoints: blocks.zeroPoints && (await stored(`zeros${bits}`, blocks.zeroPoints)),
    };
    const product = async (device: string, inputs: BlockInputs): Promise<Float32Array> => {
      const g = createGraph('blocks', { weights, root, linear: gemmLinear });
      const form = blockLinear(() => ({ bits, blockSize: BLOCK, ...where }), inputs);
      const layer = { name: 'layer', n: N, k, bias: true, stored: [N, k] };
      g.output('y', form(g, g.input('x', ['S', k]), layer), ['S', N]);
      const session = await createGraphSession(g, { device: deviceNamed(device), threads: 1, root });
      const { y } = await session.run({ x: { data: randn(ROWS * k, 2n), dims: [ROWS, k] } });
      await session.release();
      return y!.data;
    };
    const exact = await product('cpu', 'fp32');
    const { blockInputs } = deviceNamed(TEST_DEVICE);
    expect(signalDecibels(await product(TEST_DEVICE, blockInputs), exact)).toBeGreaterThan(
      blockInputs === 'fp32' ? 100 : 40,
    );
  });
});
