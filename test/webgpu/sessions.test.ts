import { expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

describeOnDevice('a session on a device that is no processor', () => {
  it.each(['fast', 'safe'] as const)('computes, with %s kernels', async (kernels) => {
    const g = createGraph('product');
    const weight = Float32Array.from({ length: 12 }, (_, i) => i - 5);
    g.output('y', g.op('MatMul', [g.input('x', ['rows', 4]), g.floats(weight, [4, 3])]), ['rows', 3]);
    const session = await createGraphSession(g, { device: deviceNamed(TEST_DEVICE, kernels), threads: 1, root: '/' });
    const { y } = await session.run({ x: { data: Float32Array.of(1, 2, 3, 4, 0, -1, 0.5, 2), dims: [2, 4] } });
    await session.release();
    expect(y).toEqual({ data: Float32Array.of(10, 20, 30, 10.5, 12, 13.5), dims: [2, 3] });
  });
});
