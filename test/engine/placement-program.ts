import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';
import { gemmLinear } from '../../packages/pipeline/src/onnx/linear.ts';
import { everyGraph, everyModel, everyWay } from './every-graph.ts';

// Opens each graph of a small checkpoint on CUDA by the copy of onnxruntime-node in argument 1. ONNX Runtime logs where it placed nodes.
const [runtime = '', folder = ''] = process.argv.slice(2);
const ort = createRequire(import.meta.url)(runtime) as {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<{ release(): Promise<void> }> };
};

async function open(name: string, model: Uint8Array, root: string): Promise<void> {
  process.stderr.write(`\nopens ${name}\n`);
  const session = await ort.InferenceSession.create(model, {
    ...{ executionProviders: ['cuda'], graphOptimizationLevel: 'all', logSeverityLevel: 0 },
    extra: { session: { model_external_initializers_file_folder_path: root } },
  });
  await session.release();
}

const [model] = await everyModel();
if (model === undefined) throw new Error('There is no checkpoint.');
for (const { label, device, precision } of everyWay('cuda')) {
  // Prepared weights lie in no file here: their product comes below.
  if (precision.preparation !== undefined) continue;
  for (const [name, graph] of everyGraph(model, device, precision)) await open(`${label}: ${name}`, graph, model.root);
}

const { weights } = model.transformer;
await writeFile(join(folder, 'zeros'), new Uint8Array(65_536));
for (const bits of [4, 8]) {
  const g = createGraph('product', { weights, root: folder, linear: gemmLinear });
  const zeros = (dtype: 'F32' | 'U8', dims: readonly number[], byteLength: number) =>
    g.stored({ dtype, name: dtype, path: join(folder, 'zeros'), offset: 0, byteLength }, dims);
  const half = (value: ReturnType<typeof zeros>) => g.op('Cast', [value], { to: 16 });
  const x = half(g.input('x', ['rows', 256]));
  const scales = half(zeros('F32', [128, 2], 1024));
  const inputs = [x, zeros('U8', [128, 2, 16 * bits], 4096 * bits), scales, zeros('U8', [128, bits / 4], 32 * bits)];
  const product = g.op('MatMulNBits', inputs, { N: 128, K: 256, bits, block_size: 128 });
  g.output('y', g.op('Cast', [product], { to: 1 }), ['rows', 128]);
  await open(`weights in ${bits} bits`, g.serialize(), folder);
}
