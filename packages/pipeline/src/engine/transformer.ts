import { blocksGraph, embedGraph, TIME_PROJ_CHANNELS, tailGraph } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/component-configs.ts';
import type { FloatArray } from '../matrix.ts';
import { type Angles, transformerAngles } from '../rope.ts';
import type { Weights } from '../weights/weights.ts';
import { type EngineContext, graphSource, load, segmentRanges } from './segments.ts';
import type { Session } from './session.ts';

/** Tokens down and across of a picture. */
export interface TokenGrid {
  readonly rows: number;
  readonly columns: number;
}

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
  angles(textTokens: number, pictures: readonly TokenGrid[]): Angles;
  /** noise_pred of the target, [T, C]. */
  predict(call: TransformerCall): Promise<Float32Array>;
}

/** QwenImageTransformer2DModel in segments: embed, blocks i..j, tail. */
export async function loadTransformer(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
): Promise<Transformer> {
  const source = graphSource(context, weights);
  const embed = await load(context, embedGraph(config, source));
  const blocks: Session[] = [];
  for (const [first, last] of segmentRanges(weights, 'transformer_blocks.', config.num_layers)) {
    blocks.push(await load(context, blocksGraph(config, first, last, source)));
  }
  const tail = await load(context, tailGraph(config, source));

  return {
    angles: (textTokens, pictures) => transformerAngles(textTokens, pictures, config.axes_dims_rope),
    async predict(call) {
      const { cos, sin, tokens, half } = call.angles;
      const fixed = { cos: { data: cos, dims: [tokens, half] }, sin: { data: sin, dims: [tokens, half] } };
      await context.pause();
      const { temb, ...embedded } = await embed.run({
        latents: call.latents,
        reference_latents: call.referenceLatents,
        prompt_embeds: call.promptEmbeds,
        time_proj: timeProjection(call.timestep, config.zero_cond_t),
      });
      let streams: Record<string, FloatArray> = embedded;
      for (const session of blocks) {
        await context.pause();
        streams = await session.run({ ...streams, ...fixed, temb: temb! });
      }
      await context.pause();
      const { noise_pred } = await tail.run({ target: streams.target!, temb: temb! });
      return noise_pred!.data;
    },
  };
}

const f = Math.fround;

/**
 * Sinusoids of the target's and of the references' timestep, [2, 256]: cosines first, argument 1000 t.
 * Source: get_timestep_embedding with flip_sin_to_cos, downscale_freq_shift 0, scale 1000.
 */
export function timeProjection(timestep: number, zeroCondT: boolean): FloatArray {
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
