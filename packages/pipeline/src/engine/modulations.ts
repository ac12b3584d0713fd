import type { FloatArray } from '../arrays.ts';
import { MODULATED, modulationGraph, modulationInput, TIME_PROJ_CHANNELS, timeGraph } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { EngineContext, Segment } from './segment-chain.ts';

/** The modulations of one step, by the names of the inputs that take them: those of each block, and `final_mod`. */
export type StepModulations = Readonly<Record<string, FloatArray>>;

/** The modulations of all steps of a schedule. */
export interface Modulations {
  /** Those of step `index`. */
  step(index: number): StepModulations;
  /** Bytes that they take in memory. */
  readonly bytes: number;
}

/** The graphs that modulations come from: that of the timesteps, then one for each block. */
export function modulationSegments(
  config: TransformerConfig,
  source: GraphSource,
): { time: Segment; blocks: Segment[] } {
  const blocks = Array.from({ length: config.num_layers }, (_, i) => i);
  return {
    time: { name: 'transformer.time', build: () => timeGraph(config, source) },
    blocks: blocks.map((i) => ({
      name: `transformer.modulation.${i}`,
      build: () => modulationGraph(config, i, source),
    })),
  };
}

/**
 * Computes the modulations of all steps. They depend on the timestep alone and are a third of the transformer's weights, so that these
 * weights need to be read once for a schedule, and need not stay. A block's weights are in memory only while its rows are computed.
 */
export function createModulator(
  context: EngineContext,
  config: TransformerConfig,
  source: GraphSource,
): (timesteps: Float32Array) => Promise<Modulations> {
  const segments = modulationSegments(config, source);
  // Weights that are missing or wrong are found when the model is loaded.
  for (const { build } of [segments.time, ...segments.blocks]) build();
  return async (timesteps) => {
    const { device, threads, root, pause } = context;
    const { createGraphSession } = await import('./session.ts');
    const options = { device, threads, root };
    const run = async ({ build }: Segment, feeds: Record<string, FloatArray>) => {
      await pause();
      const session = await createGraphSession(build(), options);
      try {
        return await session.run(feeds);
      } finally {
        await session.release();
      }
    };
    // References see t = 0, or the same timestep as the target.
    const times = config.zero_cond_t ? [...timesteps, 0] : [...timesteps];
    const { temb, final_mod } = await run(segments.time, { time_proj: timeProjections(times) });
    const blocks: { readonly image: FloatArray; readonly text: FloatArray }[] = [];
    for (const segment of segments.blocks) {
      const { image_mod, text_mod } = await run(segment, { temb: temb! });
      blocks.push({ image: image_mod!, text: text_mod! });
    }
    const bytes = blocks.reduce((sum, { image, text }) => sum + image.data.byteLength + text.data.byteLength, 0);
    const referenceRow = (index: number): number => (config.zero_cond_t ? timesteps.length : index);
    return {
      bytes,
      step(index) {
        const values: Record<string, FloatArray> = { final_mod: row(final_mod!, index) };
        for (const [i, { image, text }] of blocks.entries()) {
          const rows = {
            target: row(image, index),
            reference: row(image, referenceRow(index)),
            text: row(text, index),
          };
          for (const stream of MODULATED) values[modulationInput(stream, i)] = rows[stream];
        }
        return values;
      },
    };
  };
}

/** Row `index` of [N, width] as [1, width]. */
function row({ data, dims }: FloatArray, index: number): FloatArray {
  const width = dims.at(-1) ?? 0;
  return { data: data.subarray(index * width, (index + 1) * width), dims: [1, width] };
}

const f = Math.fround;

/**
 * Sinusoids of timesteps, [N, 256]: cosines first, argument 1000 t.
 * Source: get_timestep_embedding with flip_sin_to_cos, downscale_freq_shift 0, scale 1000.
 */
function timeProjections(timesteps: readonly number[]): FloatArray {
  const half = TIME_PROJ_CHANNELS / 2;
  const data = new Float32Array(timesteps.length * TIME_PROJ_CHANNELS);
  for (const [row, t] of timesteps.entries()) {
    for (let i = 0; i < half; i++) {
      const frequency = f(Math.exp(f(f(f(-Math.log(10_000)) * i) / half)));
      const argument = f(1000 * f(f(t) * frequency));
      data[row * TIME_PROJ_CHANNELS + i] = Math.cos(argument);
      data[row * TIME_PROJ_CHANNELS + half + i] = Math.sin(argument);
    }
  }
  return { data, dims: [timesteps.length, TIME_PROJ_CHANNELS] };
}
