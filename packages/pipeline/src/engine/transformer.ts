import type { FloatArray, Grid } from '../arrays.ts';
import { blocksGraph, embedGraph, tailGraph } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import { createModulator, type Modulations, type StepModulations } from './modulations.ts';
import { type Angles, anglesInputs, transformerAngles } from './rope.ts';
import {
  type EngineContext,
  graphSource,
  type Holding,
  loadSegmentChain,
  type Segment,
  type SegmentChain,
  segmentRanges,
} from './segment-chain.ts';

/** What one prediction is made for. */
export interface Condition {
  /** [L, E] */
  readonly promptEmbeds: FloatArray;
  readonly angles: Angles;
}

export interface TransformerCall {
  /** Packed target latents [T, C]. */
  readonly latents: FloatArray;
  /** Packed latents of all references, one after the other, [R, C]. */
  readonly referenceLatents: FloatArray;
  readonly conditions: readonly Condition[];
  /** Those of the step. */
  readonly modulations: StepModulations;
}

export interface Transformer {
  /** Its segments, to decide what stays in memory. */
  readonly chain: SegmentChain;
  /** Rotary angles of a call: target first, then the references. They stay the same over all steps. */
  angles(textTokens: number, pictures: readonly Grid[]): Angles;
  /** Modulations of all steps, computed once. `timesteps`: in [0, 1], sigmas. */
  modulate(timesteps: Float32Array): Promise<Modulations>;
  /** noise_pred of the target, [T, C], for each condition. Each block runs for all of them before the next one does. */
  predict(call: TransformerCall): Promise<readonly Float32Array[]>;
}

/** The graphs of the transformer in the order in which they run: embed, blocks i..j, tail. `segmentBytes`: see EngineContext. */
export function transformerSegments(
  config: TransformerConfig,
  source: GraphSource,
  segmentBytes?: number,
): readonly Segment[] {
  const ranges = segmentRanges(source.weights, 'transformer_blocks.', config.num_layers, segmentBytes);
  return [
    { name: 'transformer.embed', build: () => embedGraph(config, source) },
    ...ranges.map(([first, last]) => blocksSegment(config, source, first, last)),
    { name: 'transformer.tail', build: () => tailGraph(config, source) },
  ];
}

function blocksSegment(config: TransformerConfig, source: GraphSource, first: number, last: number): Segment {
  return {
    name: `transformer.blocks.${first}-${last}`,
    build: (linear = source.repeated?.linear ?? source.linear) =>
      blocksGraph(config, first, last, {
        ...source,
        linear,
        attention: source.repeated?.attention ?? source.attention,
      }),
    repeated: 'each step',
  };
}

/**
 * One block of the transformer, by itself, as a network of one segment. It is run with the inputs of blocksGraph, which names the
 * modulations by the block.
 */
export async function loadTransformerBlock(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
  block: number,
): Promise<SegmentChain> {
  return loadSegmentChain(context, [blocksSegment(config, graphSource(context, weights), block, block + 1)]);
}

/** QwenImageTransformer2DModel in segments. */
export async function loadTransformer(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
  holding?: Holding,
): Promise<Transformer> {
  const source = graphSource(context, weights);
  const modulate = createModulator(context, config, source);
  const chain = await loadSegmentChain(
    context,
    transformerSegments(config, source, context.segmentBytes),
    holding === undefined ? {} : { holding },
  );

  return {
    chain,
    angles: (textTokens, pictures) => transformerAngles(textTokens, pictures, config.axes_dims_rope),
    modulate,
    async predict({ latents, referenceLatents, conditions, modulations }) {
      const results = await chain.runEach(
        conditions.map(({ promptEmbeds, angles }) => ({
          latents,
          reference_latents: referenceLatents,
          prompt_embeds: promptEmbeds,
          ...modulations,
          ...anglesInputs(angles),
        })),
      );
      return results.map(({ noise_pred }) => noise_pred!.data);
    },
  };
}
