import { AppError } from '@qwen-edit/contract';
import type { FloatArray } from '../arrays.ts';
import type { Graph, GraphSource } from '../onnx/graph.ts';
import type { LinearForm } from '../onnx/linear.ts';
import type { FindPrepared } from '../onnx/prepared-layer.ts';
import type { Weights } from '../weights/weights.ts';
import { type Device, hostDevice } from './devices.ts';
import { graphForms, preparedLinear } from './forms.ts';
import type { Precision } from './precision.ts';
import type { DeviceArray, GraphSession, InputArray } from './session.ts';

/** What every network needs to load its segments and to run them. */
export interface EngineContext {
  /** Or several that share the segments: see Device. */
  readonly device: Device;
  readonly precision: Precision;
  readonly threads: number;
  /** Folder below which all files of the checkpoint lie. */
  readonly root: string;
  /** Called before each segment is loaded or run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  /** Weights in the form of the precision; without it, all are as the checkpoint stores them. */
  readonly prepared?: FindPrepared | undefined;
  /** Sees what each segment gives, for who measures something. */
  readonly onOutputs?: ((outputs: Readonly<Record<string, FloatArray>>) => void) | undefined;
  /** The transformer's blocks are put together up to so many bytes; SEGMENT_BYTES if a plan does not say otherwise. */
  readonly segmentBytes?: number | undefined;
  /** Where modulations of schedules are kept; without it they stay in memory while an edit runs. */
  readonly modulationDir?: string | undefined;
}

/** One graph of a network. */
export interface Segment {
  /** The same as the graph's. */
  readonly name: string;
  /** `linear`: another form of its linear layers than its source's. */
  readonly build: (linear?: LinearForm) => Graph;
  /**
   * It holds layers that a precision may store in another form. `each step`: they run so often that it pays to lay their weights out
   * for the processor, which takes longer than running them once.
   */
  readonly repeated?: 'each step' | 'once';
  /** It only reads some rows of a large table, which need not be in the memory of a device. */
  readonly onHost?: boolean;
}

/** Where the graphs of one component get their weights from, and in what form. */
export function graphSource(context: EngineContext, weights: Weights): GraphSource {
  return { weights, root: context.root, ...graphForms(context) };
}

/** Which segments of a network are in memory between their runs. */
export interface Holding {
  /** So many of the first segments stay open until the end of their stage. Each other one is opened for its run only. */
  readonly held: number;
  /** Whether those that are held also stay when the stage has ended. */
  readonly stays: boolean;
  /** Whether those that are held use weights that are laid out for the processor, if there are some. Takes longer to open. */
  readonly prepacks: boolean;
}

export const HOLD_ALL: Holding = { held: Number.POSITIVE_INFINITY, stays: true, prepacks: false };

type Inputs = Readonly<Record<string, InputArray>>;
type Outputs = Record<string, FloatArray>;
type Kept = Record<string, FloatArray | DeviceArray>;

/** The graphs of one network, one after the other. */
export interface SegmentChain {
  readonly length: number;
  /**
   * Runs every segment, with a pause before each. A segment takes its inputs by name: from `inputs`, or from the outputs of
   * the segments before it, of which the latest counts. Resolves with the outputs of the last segment.
   */
  run(inputs: Inputs): Promise<Outputs>;
  /** The same for several inputs: each segment runs for all of them before the next one, so that it is read once. */
  runEach(inputs: readonly Inputs[]): Promise<readonly Outputs[]>;
  /** Decides what stays in memory from now on. */
  hold(holding: Holding): Promise<void>;
  /** To be called when a stage has ended: closes what doesn't stay. */
  endStage(): Promise<void>;
  /** Closes every segment. A later run opens them again. */
  release(): Promise<void>;
}

/**
 * A network of segments, in the order in which they run. Each is opened once, to find out whether it can be, and then as `holding`
 * says. `foldConstants`, `arena`: see GraphSessionOptions.
 * @example
 * const chain = await loadSegmentChain(context, [embedSegment, tailSegment]);
 * const { noise_pred } = await chain.run({ latents, prompt_embeds });
 */
export async function loadSegmentChain(
  context: EngineContext,
  segments: readonly Segment[],
  options: { readonly foldConstants?: boolean; readonly arena?: boolean; readonly holding?: Holding } = {},
): Promise<SegmentChain> {
  const { device, threads, root, pause } = context;
  // Loaded late, with ONNX Runtime: who plans or verifies builds the same graphs and runs none.
  const { createGraphSession, onHost } = await import('./session.ts');
  const { foldConstants = false, arena = false } = options;
  const prepackedLinear = device.laysOut ? preparedLinear(context, 'prepacked') : undefined;
  const needsLayout = context.precision.preparation?.needsLayout === true;
  let holding = options.holding ?? HOLD_ALL;
  const open = new Map<number, GraphSession>();
  const host = hostDevice();

  /** Segments are shared out evenly, neighbours together. */
  const placeOf = (index: number): Device | undefined => {
    if (segments[index]?.onHost === true) return host;
    return segments[index] && device.spread[Math.floor((index * device.spread.length) / segments.length)];
  };
  const opened = async (index: number): Promise<GraphSession> => {
    const known = open.get(index);
    if (known !== undefined) return known;
    const segment = segments[index];
    if (segment === undefined) throw new AppError('internal', `There is no segment ${index}.`);
    const pays = holding.prepacks && isHeld(index) && segment.repeated === 'each step';
    const prepack = segment.repeated !== undefined && prepackedLinear !== undefined && (pays || needsLayout);
    const graph = segment.build(prepack ? prepackedLinear : undefined);
    const place = placeOf(index);
    // What is next on another device, or is to be looked at, comes back to the host; and so does what a session gives that is closed
    // before its outputs are used: giving their memory back would then end the process.
    const keepOutputs = context.onOutputs === undefined && isHeld(index) && placeOf(index + 1) === place;
    const options = { device: place ?? device, threads, root, foldConstants, arena, prepack, keepOutputs };
    const session = await createGraphSession(graph, options);
    open.set(index, session);
    return session;
  };
  const close = async (keeps: (index: number) => boolean): Promise<void> => {
    for (const [index, session] of [...open]) {
      if (keeps(index)) continue;
      open.delete(index);
      await session.release();
    }
  };
  const isHeld = (index: number): boolean => index < holding.held;
  const release = (): Promise<void> => close(() => false);

  const runEach = async (each: readonly Inputs[]): Promise<readonly Outputs[]> => {
    const values = each.map((inputs): Record<string, InputArray | DeviceArray> => ({ ...inputs }));
    let outputs: readonly Kept[] = [];
    try {
      for (const index of segments.keys()) {
        await pause();
        const session = await opened(index);
        const made: Kept[] = [];
        for (const [i, known] of values.entries()) {
          if (i > 0) await pause();
          const out = await session.runKeeping(pick(known, session.inputNames));
          made.push(out);
          context.onOutputs?.(hostOutputs(out));
          freeUsed(outputs[i], index === segments.length - 1 ? undefined : out);
          Object.assign(known, out);
        }
        outputs = made;
        await close(isHeld);
      }
      return outputs.map(hostOutputs);
    } finally {
      for (const known of values) freeKept(known);
    }
  };
  const hostOutputs = (kept: Kept): Outputs =>
    Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, onHost(name, value)]));

  try {
    for (const index of segments.keys()) {
      await pause();
      await opened(index);
      await close(isHeld);
    }
    if (!holding.stays) await release();
  } catch (thrown) {
    await release();
    throw thrown;
  }
  return {
    length: segments.length,
    async run(inputs) {
      const [outputs] = await runEach([inputs]);
      return outputs ?? {};
    },
    runEach,
    async hold(wanted) {
      // Those that were opened in another way are opened again.
      if (wanted.prepacks !== holding.prepacks) await release();
      holding = wanted;
      await close(isHeld);
    },
    async endStage() {
      await close(holding.stays ? isHeld : () => false);
    },
    release,
  };
}

/**
 * Gives the memory of a segment's outputs back when those of the next one have replaced them, or when there is no next one. The garbage
 * collector would do it some segments later, each of which makes as much again.
 */
function freeUsed(before: Kept = {}, after: Kept | undefined): void {
  for (const [name, value] of Object.entries(before)) {
    if (after !== undefined && after[name] === undefined) continue;
    if ('tensor' in value) value.release();
    else if (value.data.buffer instanceof ArrayBuffer) value.data.buffer.transfer(0);
  }
}

/** What is on a device is not known to the garbage collector. */
function freeKept(values: Readonly<Record<string, InputArray | DeviceArray>>): void {
  for (const value of Object.values(values)) if ('tensor' in value) value.release();
}

function pick(
  values: Readonly<Record<string, InputArray | DeviceArray>>,
  names: readonly string[],
): Record<string, InputArray | DeviceArray> {
  const picked: Record<string, InputArray | DeviceArray> = {};
  for (const name of names) {
    const value = values[name];
    if (value === undefined) throw new AppError('internal', `A segment has no value for its input ${name}.`);
    picked[name] = value;
  }
  return picked;
}

/** Blocks are put together up to this many bytes of weights: a segment is how long a cancel may have to wait. */
export const SEGMENT_BYTES = 512 * 1024 * 1024;

/** Splits blocks 0 … count - 1, named `prefix`i`.`, into ranges [first, last) that hold one block or at most `most` bytes. */
export function segmentRanges(
  weights: Weights,
  prefix: string,
  count: number,
  most = SEGMENT_BYTES,
): [number, number][] {
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
    if (block > first && sum + bytes[block]! > most) {
      ranges.push([first, block]);
      first = block;
      sum = 0;
    }
    sum += bytes[block]!;
  }
  ranges.push([first, count]);
  return ranges;
}
