import { AppError } from '@qwen-edit/contract';
import type { FloatArray } from '../arrays.ts';
import type { Graph, GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import type { Device } from './devices.ts';
import type { Precision } from './precision.ts';
import type { GraphSession, InputArray } from './session.ts';

/** What every network needs to load its segments and to run them. */
export interface EngineContext {
  readonly device: Device;
  readonly precision: Precision;
  readonly threads: number;
  /** Folder below which all files of the checkpoint lie. */
  readonly root: string;
  /** Called before each segment is loaded or run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  /** If given, every session that is made is also put here, so that all can be released together. */
  readonly sessions?: GraphSession[];
}

/** Where the graphs of one component get their weights from, and in what form. */
export function graphSource(context: EngineContext, weights: Weights): GraphSource {
  return { weights, root: context.root, linear: context.precision.linear };
}

/** The graphs of one network, one after the other. */
export interface SegmentChain {
  /**
   * Runs every segment, with a pause before each. A segment takes its inputs by name: from `inputs`, or from the outputs of
   * the segments before it, of which the latest counts. Resolves with the outputs of the last segment.
   */
  run(inputs: Readonly<Record<string, InputArray>>): Promise<Record<string, FloatArray>>;
}

/**
 * Loads the segments of a network in the order in which they run. Each is built just before it is loaded, so that only one
 * graph is in memory at a time. `foldConstants`: see GraphSessionOptions.
 * @example
 * const chain = await loadSegmentChain(context, [() => embedGraph(config, source), () => tailGraph(config, source)]);
 * const { noise_pred } = await chain.run({ latents, prompt_embeds });
 */
export async function loadSegmentChain(
  context: EngineContext,
  segments: readonly (() => Graph)[],
  options: { readonly foldConstants?: boolean } = {},
): Promise<SegmentChain> {
  const { device, threads, root, pause } = context;
  // Loaded late, with ONNX Runtime: who plans or verifies builds the same graphs and runs none.
  const { createGraphSession } = await import('./session.ts');
  const sessions: GraphSession[] = [];
  for (const build of segments) {
    const graph = build();
    await pause();
    const session = await createGraphSession(graph, { device, threads, root, ...options });
    sessions.push(session);
    context.sessions?.push(session);
  }
  return {
    async run(inputs) {
      const values: Record<string, InputArray> = { ...inputs };
      let outputs: Record<string, FloatArray> = {};
      for (const session of sessions) {
        await pause();
        outputs = await session.run(pick(values, session.inputNames));
        Object.assign(values, outputs);
      }
      return outputs;
    },
  };
}

function pick(values: Readonly<Record<string, InputArray>>, names: readonly string[]): Record<string, InputArray> {
  const picked: Record<string, InputArray> = {};
  for (const name of names) {
    const value = values[name];
    if (value === undefined) throw new AppError('internal', `A segment has no value for its input ${name}.`);
    picked[name] = value;
  }
  return picked;
}

/** Blocks are put together up to this many bytes of weights: a segment is how long a cancel may have to wait. */
export const SEGMENT_BYTES = 512 * 1024 * 1024;

/** Splits blocks 0 … count - 1, named `prefix`i`.`, into ranges [first, last) that hold one block or at most SEGMENT_BYTES. */
export function segmentRanges(weights: Weights, prefix: string, count: number): [number, number][] {
  const bytes = Array<number>(count).fill(0);
  for (const info of weights.tensors.values()) {
    if (!info.name.startsWith(prefix)) continue;
    const block = Number.parseInt(info.name.slice(prefix.length), 10);
    if (block < count) bytes[block]! += info.byteLength;
  }
  const ranges: [number, number][] = [];
  let first = 0;
  let sum = 0;
  for (let block = 0; block < count; block++) {
    if (block > first && sum + bytes[block]! > SEGMENT_BYTES) {
      ranges.push([first, block]);
      first = block;
      sum = 0;
    }
    sum += bytes[block]!;
  }
  ranges.push([first, count]);
  return ranges;
}
