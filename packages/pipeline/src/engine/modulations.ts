import { concatenate, type FloatArray } from '../arrays.ts';
import {
  finalModulationGraph,
  MODULATED,
  modulationGraph,
  modulationInput,
  TIME_PROJ_CHANNELS,
  timeGraph,
} from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { Branches } from './branches.ts';
import {
  type ModulationFile,
  type ModulationRows,
  openModulations,
  scheduleName,
  writeModulations,
} from './modulation-files.ts';
import type { EngineContext, Segment } from './segment-chain.ts';

/** The modulations of one step, by the names of the inputs that take them: those of each block, and `final_mod`. */
export type StepModulations = Readonly<Record<string, FloatArray>>;

/** The modulations of all steps of a schedule. */
export interface Modulations {
  /** Those of step `index`. */
  step(index: number): Promise<StepModulations>;
}

interface ModulationSegments {
  readonly time: Segment;
  readonly blocks: readonly Segment[];
  readonly final: Segment;
}

/** The graphs that modulations come from: that of the timesteps, then one for each block, and one for the last segment. */
export function modulationSegments(
  config: TransformerConfig,
  source: GraphSource,
  wrap: Branches['wrap'] = (form) => form,
): ModulationSegments {
  const wrapped = (): GraphSource => ({ ...source, linear: wrap(source.linear) });
  const blocks = Array.from({ length: config.num_layers }, (_, i) => i);
  return {
    time: { name: 'transformer.time', build: () => timeGraph(config, wrapped()) },
    blocks: blocks.map((i) => ({
      name: `transformer.modulation.${i}`,
      build: () => modulationGraph(config, i, wrapped()),
    })),
    final: { name: 'transformer.modulation.final', build: () => finalModulationGraph(config, wrapped()) },
  };
}

/**
 * Computes the modulations of all steps. They depend on the timestep alone and are a third of the transformer's weights, so that these
 * weights need to be read once for a schedule, and need not stay. A block's weights are in memory only while its rows are computed.
 * With a folder for them they are kept there, and the next edit of the same schedule computes nothing; without one they stay in memory.
 */
export function createModulator(
  context: EngineContext,
  config: TransformerConfig,
  source: GraphSource,
  branches: Branches,
): (timesteps: Float32Array) => Promise<Modulations> {
  const segments = modulationSegments(config, source, branches.wrap);
  // Weights that are missing or wrong are found when the model is loaded.
  for (const { build } of [segments.time, ...segments.blocks, segments.final]) build();
  const { modulationDir } = context;
  return async (timesteps) => {
    // References see t = 0, or the same timestep as the target.
    const times = config.zero_cond_t ? [...timesteps, 0] : [...timesteps];
    const name = scheduleName([...times, timesteps.length], branches.keyOf(changesModulations));
    const compute = (): Promise<ModulationRows> =>
      computeRows(context, { ...segments, branches }, times, timesteps.length);
    if (modulationDir === undefined) return inputsOf(config, inMemory(await compute()));
    const kept = await openModulations(modulationDir, name);
    if (kept !== undefined) return inputsOf(config, withFallback(kept, compute));
    const rows = await compute();
    // A disk that does not take them costs memory, and no edit.
    await writeModulations(modulationDir, name, rows).catch(() => undefined);
    const written = await openModulations(modulationDir, name);
    return inputsOf(config, written === undefined ? inMemory(rows) : withFallback(written, compute));
  };
}

/** Layers that modulations come from. */
const changesModulations = (layer: string): boolean =>
  /^time_text_embed\.|^norm_out\.|\.(?:img|txt)_mod\.1$/.test(layer);

const inMemory = ({ shared, steps }: ModulationRows): ModulationFile => ({
  shared,
  step: async (index) => steps[index] ?? new Float32Array(),
});

/** A file that another process removes, or that cannot be read any more, while an edit runs costs its computing once more, and not the edit. */
function withFallback(file: ModulationFile, compute: () => Promise<ModulationRows>): ModulationFile {
  let again: Promise<ModulationRows> | undefined;
  return {
    shared: file.shared,
    async step(index) {
      if (again === undefined) {
        const values = await file.step(index).catch(() => undefined);
        if (values !== undefined) return values;
      }
      again ??= compute();
      return inMemory(await again).step(index);
    },
  };
}

/** Of each step: for each block image_mod and text_mod, [6 D] each, then final_mod. Shared: image_mod of t = 0 for each block. */
async function computeRows(
  context: EngineContext,
  segments: ModulationSegments & { readonly branches: Branches },
  times: readonly number[],
  steps: number,
): Promise<ModulationRows> {
  const { device, threads, root, pause } = context;
  const { createGraphSession } = await import('./session.ts');
  const run = async ({ build }: Segment, feeds: Record<string, FloatArray>) => {
    await pause();
    const session = await createGraphSession(build(), { device, threads, root });
    try {
      const known = { ...feeds, ...segments.branches.inputs };
      return await session.run(Object.fromEntries(session.inputNames.map((name) => [name, known[name]!])));
    } finally {
      await session.release();
    }
  };
  const { temb } = await run(segments.time, { time_proj: timeProjections(times) });
  const { final_mod } = await run(segments.final, { temb: temb! });
  const parts: Float32Array[][] = Array.from({ length: steps }, () => []);
  const shared: Float32Array[] = [];
  for (const segment of segments.blocks) {
    const { image_mod, text_mod } = await run(segment, { temb: temb! });
    for (const [i, part] of parts.entries()) part.push(row(image_mod!, i), row(text_mod!, i));
    if (times.length > steps) shared.push(row(image_mod!, steps));
  }
  for (const [i, part] of parts.entries()) part.push(row(final_mod!, i));
  return { shared: concatenate(shared), steps: parts.map(concatenate) };
}

/** Cuts the row of a step into the inputs of the segments. */
function inputsOf(config: TransformerConfig, file: ModulationFile): Modulations {
  const d = config.num_attention_heads * config.attention_head_dim;
  const width = 6 * d;
  return {
    async step(index) {
      const values = await file.step(index);
      const at = (data: Float32Array, i: number): FloatArray => rowOf(data.subarray(i * width, (i + 1) * width));
      const inputs: Record<string, FloatArray> = { final_mod: rowOf(values.subarray(2 * config.num_layers * width)) };
      for (let block = 0; block < config.num_layers; block++) {
        const target = at(values, 2 * block);
        const rows = {
          target,
          reference: file.shared.length === 0 ? target : at(file.shared, block),
          text: at(values, 2 * block + 1),
        };
        for (const stream of MODULATED) inputs[modulationInput(stream, block)] = rows[stream];
      }
      return inputs;
    },
  };
}

const rowOf = (data: Float32Array): FloatArray => ({ data, dims: [1, data.length] });

/** Row `index` of [N, width], as a copy: the other rows are then not kept with it. */
function row({ data, dims }: FloatArray, index: number): Float32Array {
  const width = dims.at(-1) ?? 0;
  return data.slice(index * width, (index + 1) * width);
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
