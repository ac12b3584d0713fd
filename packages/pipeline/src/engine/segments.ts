import type { Graph, GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import { createSession, type Session } from './session.ts';

/** What every network needs to load its segments and to run them. */
export interface EngineContext {
  readonly threads: number;
  /** Folder below which all files of the checkpoint lie. */
  readonly root: string;
  /** Called between two segments: lets messages in, and throws when the work was cancelled. */
  readonly pause: () => Promise<void>;
}

/** Blocks are put together up to this many bytes of weights: a segment is how long a cancel may have to wait. */
const SEGMENT_BYTES = 512 * 1024 * 1024;

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

export function graphSource(context: EngineContext, weights: Weights): GraphSource {
  return { weights, root: context.root };
}

export async function load(context: EngineContext, graph: Graph, foldConstants = false): Promise<Session> {
  await context.pause();
  return createSession(graph, { threads: context.threads, root: context.root, foldConstants });
}
