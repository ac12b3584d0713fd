import type { FloatArray, Grid } from '../arrays.ts';
import { blocksGraph, embedGraph, TIME_PROJ_CHANNELS, tailGraph } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { Graph, GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import { type Angles, anglesInputs, transformerAngles } from './rope.ts';
import { type EngineContext, graphSource, loadSegmentChain, segmentRanges } from './segment-chain.ts';

export interface TransformerCall {
  /** Packed target latents [T, C]. */
  readonly latents: FloatArray;
  /** Packed latents of all references, one after the other, [R, C]. */
  readonly referenceLatents: FloatArray;
  /** [L, E] */
  readonly promptEmbeds: FloatArray;
  readonly angles: Angles;
  /** In [0, 1]: sigma. */
  readonly timestep: number;
}

export interface Transformer {
  /** Rotary angles of a call: target first, then the references. They stay the same over all steps. */
  angles(textTokens: number, pictures: readonly Grid[]): Angles;
  /** noise_pred of the target, [T, C]. */
  predict(call: TransformerCall): Promise<Float32Array>;
}

/** The graphs of the transformer in the order in which they run: embed, blocks i..j, tail. */
export function transformerSegments(config: TransformerConfig, source: GraphSource): (() => Graph)[] {
  const ranges = segmentRanges(source.weights, 'transformer_blocks.', config.num_layers);
  return [
    () => embedGraph(config, source),
    ...ranges.map(
      ([first, last]) =>
        () =>
          blocksGraph(config, first, last, source),
    ),
    () => tailGraph(config, source),
  ];
}

/** QwenImageTransformer2DModel in segments. */
export async function loadTransformer(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
): Promise<Transformer> {
  const chain = await loadSegmentChain(context, transformerSegments(config, graphSource(context, weights)));

  return {
    angles: (textTokens, pictures) => transformerAngles(textTokens, pictures, config.axes_dims_rope),
    async predict(call) {
      const { noise_pred } = await chain.run({
        latents: call.latents,
        reference_latents: call.referenceLatents,
        prompt_embeds: call.promptEmbeds,
        time_proj: timeProjection(call.timestep, config.zero_cond_t),
        ...anglesInputs(call.angles),
      });
      return noise_pred!.data;
    },
  };
}

const f = Math.fround;

/**
 * Sinusoids of the target's and of the references' timestep, [2, 256]: cosines first, argument 1000 t.
 * Source: get_timestep_embedding with flip_sin_to_cos, downscale_freq_shift 0, scale 1000.
 */
function timeProjection(timestep: number, zeroCondT: boolean): FloatArray {
  const half = TIME_PROJ_CHANNELS / 2;
  const data = new Float32Array(2 * TIME_PROJ_CHANNELS);
  for (const [row, t] of [timestep, zeroCondT ? 0 : timestep].entries()) {
    for (let i = 0; i < half; i++) {
      const frequency = f(Math.exp(f(f(f(-Math.log(10_000)) * i) / half)));
      const argument = f(1000 * f(f(t) * frequency));
      data[row * TIME_PROJ_CHANNELS + i] = Math.cos(argument);
      data[row * TIME_PROJ_CHANNELS + half + i] = Math.sin(argument);
    }
  }
  return { data, dims: [2, TIME_PROJ_CHANNELS] };
}
