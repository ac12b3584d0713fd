import type { Residency } from '../engine/model.ts';
import type { Holding } from '../engine/segment-chain.ts';
import type { ModelWeights, NetworkWeights } from './network-weights.ts';
import { sum } from './sequence.ts';

/** Stages that compute, in their order. When one of them ends, what does not stay is closed. */
export const STAGES = ['encode_text', 'encode_pictures', 'modulate', 'denoise', 'decode'] as const;
export type Stage = (typeof STAGES)[number];

/** What an edit needs whatever is held. */
export interface EditNeeds {
  readonly weights: ModelWeights;
  /** The process, all the time; and each open segment. */
  readonly process: number;
  readonly session: number;
  /** For a moment, while a model is loaded. */
  readonly opening: number;
  /** What each stage computes with. */
  readonly activations: Readonly<Record<Stage, number>>;
  /** How often each block of the transformer runs. */
  readonly runs: number;
  /** Weights are in files, from which a segment can be opened for each run. Else, as on a GPU, all of a network is held. */
  readonly streams: boolean;
}

/** Bytes that a stage needs, apart from activations. */
export interface StageWeights {
  /** Of weights that stay open through the stage. */
  readonly held: number;
  /** Read from files once in each pass, segment by segment. */
  readonly streamed: number;
  /** The largest of these, which is in memory while it runs. */
  readonly segment: number;
  /** Segments that are open at once. */
  readonly sessions: number;
}

/** Of runs after which laying a block's weights out for the processor has paid, which takes about as long as three runs win. */
const RUNS_THAT_PAY = 4;
/** Left for the system and for pages of files: a part of all, and no more than this. */
const RESERVE_SHARE = 1 / 16;
const RESERVE_MOST = 1.5e9;

/**
 * What is held in so much memory. The best that fits: all networks at once; else the transformer between edits; else as much of it as
 * there is room for, while it denoises. The text encoder runs once a prompt and gives way first. With less memory than anything takes it is
 * the least, and if nobody knows how much there is, all.
 */
export function planResidency(needs: EditNeeds, memoryBytes: number | undefined): Residency {
  const ways = waysOf(needs);
  const room = memoryBytes === undefined ? Number.POSITIVE_INFINITY : memoryBytes - reserveOf(memoryBytes);
  const found = ways.map((way) => ({ way, held: mostHeld(needs, way, room) }));
  const most = Math.max(...found.map(({ held }) => held));
  const best = found.find(({ held }) => held === most && held >= 0);
  return best === undefined ? leastOf(needs) : residencyFor(needs, best.way, best.held);
}

const reserveOf = (memoryBytes: number): number => Math.min(memoryBytes * RESERVE_SHARE, RESERVE_MOST);
const withReserve = (peak: number): number =>
  peak + Math.min((peak * RESERVE_SHARE) / (1 - RESERVE_SHARE), RESERVE_MOST);

/** The most that one stage takes. */
function peakOf(needs: EditNeeds, residency: Residency): number {
  return Math.max(
    ...STAGES.map((stage) => {
      const { held, segment, sessions } = stageWeights(needs, residency, stage);
      return needs.process + sessions * needs.session + held + segment + needs.activations[stage];
    }),
  );
}

/** With how little memory every segment of the transformer is held while it denoises, and with how little an edit can be made at all. */
export function boundsOf(needs: EditNeeds): { readonly fits: number; readonly least: number } {
  const whole = waysOf(needs).map((way) => peakOf(needs, residencyFor(needs, way, segmentsOf(needs))));
  const fits = Math.min(...whole);
  return { fits: withReserve(fits), least: Math.min(fits, peakOf(needs, leastOf(needs))) };
}

/** Whether nothing of the transformer is read from files in each step. */
export function holdsAll(needs: EditNeeds, { held }: Holding): boolean {
  return held >= segmentsOf(needs);
}

const segmentsOf = ({ weights }: EditNeeds): number => weights.transformer.segments.length;

/** How the text encoder and the transformer share memory. */
interface Way {
  /** Whether the transformer stays between edits. */
  readonly stays: boolean;
  readonly encoder: Omit<Holding, 'prepacks'>;
}

const HELD = Number.POSITIVE_INFINITY;
const IN_ITS_STAGE = { held: HELD, stays: false };
const STREAMED = { held: 0, stays: false };

/** From the best to the one that needs least. */
function waysOf({ streams }: EditNeeds): readonly [Way, ...Way[]] {
  const encoders = streams ? [IN_ITS_STAGE, STREAMED] : [IN_ITS_STAGE];
  return [
    { stays: true, encoder: { held: HELD, stays: true } },
    ...[true, false].flatMap((stays) => encoders.map((encoder) => ({ stays, encoder }))),
  ];
}

function residencyFor(needs: EditNeeds, { stays, encoder }: Way, held: number): Residency {
  const isHeld = held > 0;
  return {
    vision: { ...encoder, prepacks: false },
    language: { ...encoder, prepacks: false },
    transformer: {
      held: held >= segmentsOf(needs) ? HELD : held,
      stays: stays && isHeld,
      prepacks: needs.weights.transformer.prepared > 0 && isHeld && (stays || needs.runs > RUNS_THAT_PAY),
    },
  };
}

function leastOf(needs: EditNeeds): Residency {
  const ways = waysOf(needs);
  return residencyFor(needs, ways.at(-1) ?? ways[0], needs.streams ? 0 : segmentsOf(needs));
}

/** How many of the transformer's segments can be held in so much room; -1 if even none are too many. */
function mostHeld(needs: EditNeeds, way: Way, room: number): number {
  const fits = (held: number): boolean => peakOf(needs, residencyFor(needs, way, held)) <= room;
  const all = segmentsOf(needs);
  if (fits(all)) return all;
  // An encoder that stays although the transformer streams in each step would have its priorities wrong.
  if (!needs.streams || way.encoder.stays || !fits(0)) return -1;
  let [low, high] = [0, all - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What a stage has of weights in memory: its networks' as they are held, and what stays of the others. */
export function stageWeights({ weights }: EditNeeds, residency: Residency, stage: Stage): StageWeights {
  const { vision, language, transformer } = residency;
  const networks = [
    { ...opened(weights.vision, vision), stays: vision.stays, runs: stage === 'encode_text' },
    { ...opened(weights.language, language), stays: language.stays, runs: stage === 'encode_text' },
    { ...opened(weights.transformer, transformer), stays: transformer.stays, runs: stage === 'denoise' },
    { ...opened(weights.modulation, { held: 0 }), stays: false, runs: stage === 'modulate' },
  ];
  const running = networks.filter(({ runs }) => runs);
  const present = networks.filter(({ stays, runs }) => stays || runs);
  return {
    held: sum(present.map(({ held }) => held)),
    streamed: sum(running.map(({ streamed }) => streamed)),
    segment: Math.max(0, ...running.map(({ segment }) => segment)),
    sessions: sum(present.map(({ open }) => open)) + 1,
  };
}

function opened({ segments }: NetworkWeights, { held }: Pick<Holding, 'held'>) {
  const [first, rest] = [segments.slice(0, held), segments.slice(Math.min(held, segments.length))];
  return { held: sum(first), open: first.length, streamed: sum(rest), segment: Math.max(0, ...rest) };
}
