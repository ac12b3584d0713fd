import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import type { Preparation } from '../engine/precision.ts';
import { createGraph } from '../onnx/graph.ts';
import type { LinearLayer } from '../onnx/linear.ts';
import { type Prepacked, readPrepacked } from '../onnx/prepacked.ts';
import type { PreparedLayer } from '../onnx/prepared-layer.ts';
import type { Weights } from '../weights/weights.ts';

/** Bytes that ONNX Runtime has laid out, by the names of the arrays that they were made of. They lie in `path`.bin. */
export type LaidOut = ReadonlyMap<string, Prepacked>;

/**
 * Has ONNX Runtime lay the arrays of layers out for this processor, and write them: `path`.onnx, which tells where they lie, and `path`.bin.
 * An array that it takes as it is isn't in the result.
 */
export async function layOut(
  path: string,
  weights: Weights,
  layers: ReadonlyMap<LinearLayer, PreparedLayer>,
  preparation: Preparation,
): Promise<LaidOut> {
  const byName = new Map([...layers].map(([{ name }, prepared]) => [name, prepared]));
  const linear = preparation.linear((name) => byName.get(name));
  const g = createGraph('lay-out', { weights, root: '/', linear });
  for (const [i, layer] of [...layers.keys()].entries()) {
    const x = g.input(`x${i}`, ['S', layer.k]);
    g.output(`y${i}`, g.linear(x, { ...layer, bias: false }), ['S', layer.n]);
  }
  const session = await InferenceSession.create(g.serialize(), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    enableCpuMemArena: false,
    logSeverityLevel: 3,
    optimizedModelFilePath: `${path}.onnx`,
    extra: {
      session: {
        model_external_initializers_file_folder_path: '/',
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: `${basename(path)}.bin`,
        optimized_model_external_initializers_min_size_in_bytes: '0',
        'intra_op.allow_spinning': '0',
        set_denormal_as_zero: '1',
      },
      optimization: { disable_specified_optimizers: 'ConstantFolding' },
    },
  });
  await session.release();
  const saved = readPrepacked(await readFile(`${path}.onnx`));
  // The builder numbers the values of a graph.
  return new Map([...saved].map(([name, prepacked]) => [name.replace(/_\d+$/, ''), prepacked]));
}
