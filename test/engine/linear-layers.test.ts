import { beforeAll, describe, expect, it } from 'vitest';
import { textLayersGraph, tokenEmbedGraph } from '../../packages/pipeline/src/graphs/text-encoder.ts';
import { blocksGraph, embedGraph, tailGraph } from '../../packages/pipeline/src/graphs/transformer.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../packages/pipeline/src/graphs/vae.ts';
import { mergerGraph, patchEmbedGraph, visionBlocksGraph } from '../../packages/pipeline/src/graphs/vision-encoder.ts';
import { type ModelFolder, openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import type { Graph, GraphSource } from '../../packages/pipeline/src/onnx/graph.ts';
import type { LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import type { Weights } from '../../packages/pipeline/src/weights/weights.ts';
import { CHECKPOINTS, checkpointDir } from '../parity/goldens.ts';

/** Operators that multiply matrices; attention multiplies activations only. */
const MATRIX_PRODUCT = /Gemm|MatMul|Einsum/;

/** All graphs of a checkpoint, each from a source of its own component. */
function allGraphs(folder: ModelFolder, sourceOf: (weights: Weights) => GraphSource): Graph[] {
  const { textEncoder, transformer, vae } = folder;
  const prefixed = (name: string, candidates: readonly string[]): string =>
    candidates.find((prefix) => textEncoder.weights.has(prefix + name)) ?? '';
  const text = {
    ...textEncoder.config.text,
    prefix: prefixed('norm.weight', ['model.', 'model.language_model.', 'language_model.model.']),
  };
  const vision = { ...textEncoder.config.vision, prefix: prefixed('merger.ln_q.weight', ['visual.', 'model.visual.']) };
  const words = sourceOf(textEncoder.weights);
  const blocks = sourceOf(transformer.weights);
  const pictures = sourceOf(vae.weights);
  return [
    patchEmbedGraph(vision, words),
    visionBlocksGraph(vision, 0, vision.depth, words),
    mergerGraph(vision, words),
    tokenEmbedGraph(text, words),
    textLayersGraph(text, 0, text.num_hidden_layers, words),
    embedGraph(transformer.config, blocks),
    blocksGraph(transformer.config, 0, transformer.config.num_layers, blocks),
    tailGraph(transformer.config, blocks),
    vaeEncoderGraph(vae.config, pictures),
    vaeDecoderGraph(vae.config, pictures),
  ];
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
