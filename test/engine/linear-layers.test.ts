import { beforeAll, describe, expect, it } from 'vitest';
import { type ModelFolder, openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import type { Graph, GraphSource } from '../../packages/pipeline/src/onnx/graph.ts';
import type { LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import { textEncoderGraphs, transformerGraphs } from '../../packages/pipeline/src/verify/required-tensors.ts';
import type { Weights } from '../../packages/pipeline/src/weights/weights.ts';
import { CHECKPOINTS, checkpointDir } from '../parity/goldens.ts';

/** Operators that multiply matrices; attention multiplies activations only. */
const MATRIX_PRODUCT = /Gemm|MatMul|Einsum/;

/** The graphs of the text encoder and of the transformer. The VAE has convolutions, which may be computed as products of tiles. */
function allGraphs(folder: ModelFolder, sourceOf: (weights: Weights) => GraphSource): Graph[] {
  const { textEncoder, transformer } = folder;
  const segments = [
    ...textEncoderGraphs(textEncoder.config)(sourceOf(textEncoder.weights)),
    ...transformerGraphs(transformer.config)(sourceOf(transformer.weights)),
  ];
  return segments.map(({ build }) => build());
}

describe.each(CHECKPOINTS)('weights enter matrix products of %s through the precision only', (checkpoint) => {
  let folder: ModelFolder;
  beforeAll(async () => {
    folder = await openModelFolder(checkpointDir(checkpoint));
  });

  it('no graph builds a product, or asks for a matrix, beside the linear layers; the table of tokens is read by rows', () => {
    const layers: string[] = [];
    const matrices: string[] = [];
    /** A form that computes nothing and takes no weight. */
    const placeholder: LinearForm = (g, x, { name }) => {
      layers.push(name);
      return g.op('Identity', [x]);
    };
    const recording = (weights: Weights): GraphSource => ({
      root: folder.root,
      linear: placeholder,
      weights: {
        ...weights,
        get(name, shape) {
          if (shape.length === 2) matrices.push(name);
          return weights.get(name, shape);
        },
      },
    });
    for (const graph of allGraphs(folder, recording))
      expect(Buffer.from(graph.serialize()).toString('latin1')).not.toMatch(MATRIX_PRODUCT);
    expect(layers.length).toBeGreaterThan(30);
    expect(matrices).toEqual([expect.stringMatching(/embed_tokens\.weight$/)]);
  });

  it('every matrix of the checkpoint that acts has its linear layer', () => {
    const layers = new Set<string>();
    const form: LinearForm = (g, x, { name }) => {
      layers.add(`${name}.weight`);
      return g.op('Identity', [x]);
    };
    allGraphs(folder, (weights) => ({ root: folder.root, linear: form, weights }));
    const { textEncoder, transformer } = folder;
    const stored = [textEncoder, transformer].flatMap(({ weights }) =>
      [...weights.tensors.values()].filter(({ shape }) => shape.length === 2).map(({ name }) => name),
    );
    const without = stored.filter((name) => !layers.has(name));
    expect(without.filter((name) => !/embed_tokens\.weight$|lm_head\.weight$/.test(name))).toEqual([]);
  });
});
