import { toAppError } from '@qwen-edit/contract';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';

// Opens a session on a device, and runs it, in a process of its own: what a driver is asked for once stays so. Prints the end as JSON.
const g = createGraph('product');
const x = g.input('x', ['rows', 4]);
g.output('squares', g.op('MatMul', [x, g.op('Transpose', [x], { perm: [1, 0] })]), ['rows', 'rows']);
try {
  const device = deviceNamed(process.argv[2], 'safe');
  const session = await createGraphSession(g, { device, threads: 1, root: '/' });
  const { squares } = await session.run({ x: { data: Float32Array.of(1, 2, 3, 4), dims: [1, 4] } });
  process.stdout.write(JSON.stringify({ squares: Array.from(squares?.data ?? []) }));
} catch (thrown) {
  const { code, message, hint } = toAppError(thrown);
  process.stdout.write(JSON.stringify({ code, message, hint }));
}
