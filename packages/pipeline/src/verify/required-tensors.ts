import { AppError, toAppError } from '@qwen-edit/contract';
import { modulationSegments } from '../engine/modulations.ts';
import type { Segment } from '../engine/segment-chain.ts';
import { textEncoderSegments } from '../engine/text-encoder.ts';
import { transformerSegments } from '../engine/transformer.ts';
import { vaeSegments } from '../engine/vae.ts';
import type { TextEncoderConfig } from '../hub/text-encoder-config.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { VaeConfig } from '../hub/vae-config.ts';
import type { GraphSource } from '../onnx/graph.ts';
import { gemmLinear } from '../onnx/linear.ts';
import type { TensorInfo } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weights.ts';

/** What the networks ask of a component's weights. */
export interface Requirements {
  /** The refusals of weights that are missing, or of another shape or type, in the order in which they are asked for. */
  readonly refused: readonly { readonly name: string; readonly error: AppError }[];
  /** Every tensor that is asked for. */
  readonly asked: ReadonlySet<string>;
}

/** Builds the graphs that a network needs, from weights that count what they are asked for. */
export type GraphBuilder = (source: GraphSource) => readonly Segment[];

export const transformerGraphs =
  (config: TransformerConfig): GraphBuilder =>
  (source) => {
    const { time, blocks, final } = modulationSegments(config, source);
    return [time, ...blocks, final, ...transformerSegments(config, source)];
  };

export const vaeGraphs =
  (config: VaeConfig): GraphBuilder =>
  (source) =>
    Object.values(vaeSegments(config, source));

export const textEncoderGraphs =
  (config: TextEncoderConfig): GraphBuilder =>
  (source) => {
    const { textSegments, visionSegments } = textEncoderSegments(config, source);
    return [...visionSegments, ...textSegments];
  };

/**
 * Asks `weights` for every tensor and shape that the networks ask for when they are loaded, by building their graphs; no weight
 * is read. `promised`: names that the index has; whether they are there is for others to tell, so that they are not refused.
 */
export async function requirementsOf(
  build: GraphBuilder,
  weights: Weights,
  promised: ReadonlySet<string>,
): Promise<Requirements> {
  const refused = new Map<string, AppError>();
  const asked = new Set<string>();
  const counting: Weights = {
    component: weights.component,
    tensors: weights.tensors,
    has: (name) => weights.has(name) || promised.has(name),
    get(name, shape) {
      asked.add(name);
      try {
        if (!weights.has(name) && promised.has(name)) return standIn(name, shape);
        return weights.get(name, shape);
      } catch (thrown) {
        if (!refused.has(name)) refused.set(name, toAppError(thrown));
        return standIn(name, shape);
      }
    },
    read: ({ shape }) => new Float32Array(shape.reduce((product, side) => product * side, 1)),
  };
  try {
    for (const segment of build({ weights: counting, root: '/', linear: gemmLinear })) {
      segment.build();
      // A graph takes milliseconds; sixty of them would hold up everything else.
      await new Promise(setImmediate);
    }
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    refused.set('', thrown);
  }
  return { refused: [...refused].map(([name, error]) => ({ name, error })), asked };
}

/** A tensor of the wanted shape, for a graph that is thrown away. */
function standIn(name: string, shape: readonly number[]): TensorInfo {
  return { name, dtype: 'F32', shape, path: '/', offset: 0, byteLength: 0 };
}
