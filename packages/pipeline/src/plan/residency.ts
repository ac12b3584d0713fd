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
  /** Bytes of the largest array in each stage, where that matters, and what the device can have. */
  readonly largest: Readonly<Record<Stage, number>>;
  readonly largestArray: number;
  /** How often each block of the transformer runs. */
  readonly runs: number;
  /** Weights can be laid out for the processor. */
  readonly laysOut: boolean;
  /** Sessions keep the memory that they have computed with: see Device. */
  readonly keepsWorkspace: boolean;
  /** Pixels of the largest picture that the VAE works on as a whole: see isTiled. */
  readonly untiledArea: number;
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
  /** What those that do not run keep of what they have computed with. */
  readonly workspace: number;
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
  const room = roomIn(memoryBytes);
  const found = WAYS.map((way) => ({ way, held: mostHeld(needs, way, room) }));
  const most = Math.max(...found.map(({ held }) => held));
  const best = found.find(({ held }) => held === most && held >= 0);
  return best === undefined ? leastOf(needs) : residencyFor(needs, best.way, best.held);
}

/** What of so much memory can be planned with. */
export function roomIn(memoryBytes: number | undefined): number {
  if (memoryBytes === undefined) return Number.POSITIVE_INFINITY;
  return memoryBytes - Math.min(memoryBytes * RESERVE_SHARE, RESERVE_MOST);
}
const withReserve = (peak: number): number =>
  peak + Math.min((peak * RESERVE_SHARE) / (1 - RESERVE_SHARE), RESERVE_MOST);

/** The most that one stage takes. */
function peakOf(needs: EditNeeds, residency: Residency): number {
  return Math.max(
    ...STAGES.map((stage) => {
      const { held, segment, sessions, workspace } = stageWeights(needs, residency, stage);
      return needs.process + sessions * needs.session + workspace + held + segment + needs.activations[stage];
    }),
  );
}

/** With how little memory every segment of the transformer is held while it denoises. */
export function fitsIn(needs: EditNeeds): number {
  return withReserve(Math.min(...WAYS.map((way) => peakOf(needs, residencyFor(needs, way, segmentsOf(needs))))));
}

/** With how little an edit can be made at all. */
export function leastFor(needs: EditNeeds): number {
  return peakOf(needs, leastOf(needs));
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

const LEAST: Way = { stays: false, encoder: STREAMED };
/** From the best to the one that needs least. */
const WAYS: readonly Way[] = [
  { stays: true, encoder: { held: HELD, stays: true } },
  { stays: true, encoder: IN_ITS_STAGE },
  { stays: true, encoder: STREAMED },
  { stays: false, encoder: IN_ITS_STAGE },
  LEAST,
];

function residencyFor(needs: EditNeeds, { stays, encoder }: Way, held: number): Residency {
  const isHeld = held > 0;
  return {
    untiledArea: needs.untiledArea,
    vision: { ...encoder, prepacks: false },
    language: { ...encoder, prepacks: false },
    transformer: {
      held: held >= segmentsOf(needs) ? HELD : held,
      stays: stays && isHeld,
      prepacks: needs.laysOut && isHeld && (stays || needs.runs > RUNS_THAT_PAY),
    },
  };
}

const leastOf = (needs: EditNeeds): Residency => residencyFor(needs, LEAST, 0);

/** How many of the transformer's segments can be held in so much room; -1 if even none are too many. */
function mostHeld(needs: EditNeeds, way: Way, room: number): number {
  const fits = (held: number): boolean => peakOf(needs, residencyFor(needs, way, held)) <= room;
  const all = segmentsOf(needs);
  if (fits(all)) return all;
  // An encoder that stays although the transformer streams in each step would have its priorities wrong.
  if (way.encoder.stays || !fits(0)) return -1;
  let [low, high] = [0, all - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What a stage has of weights in memory: its networks' as they are held, and what stays of the others. */
export function stageWeights(needs: EditNeeds, residency: Residency, stage: Stage): StageWeights {
  const { weights, activations, keepsWorkspace } = needs;
  const { vision, language, transformer } = residency;
  const network = (own: NetworkWeights, holding: Pick<Holding, 'held' | 'stays'>, in_: Stage) => {
    const isOpen = opened(own, holding);
    return { ...isOpen, stays: holding.stays, runs: stage === in_, keeps: isOpen.computing * activations[in_] };
  };
  const networks = [
    network(weights.vision, vision, 'encode_text'),
    network(weights.language, language, 'encode_text'),
    network(weights.transformer, transformer, 'denoise'),
    network(weights.modulation, { held: 0, stays: false }, 'modulate'),
  ];
  const running = networks.filter(({ runs }) => runs);
  const present = networks.filter(({ stays, runs }) => stays || runs);
  const kept = sum(present.map(({ keeps }) => keeps));
  // The one that runs is counted as what computes.
  const isHeld = running.length > 0 && running.every(({ streamed }) => streamed === 0);
  return {
    held: sum(present.map(({ held }) => held)),
    streamed: sum(running.map(({ streamed }) => streamed)),
    segment: Math.max(0, ...running.map(({ segment }) => segment)),
    sessions: sum(present.map(({ open }) => open)) + 1,
    workspace: keepsWorkspace ? Math.max(0, kept - (isHeld ? activations[stage] : 0)) : 0,
  };
}

function opened({ segments }: NetworkWeights, { held }: Pick<Holding, 'held'>) {
  const [first, rest] = [segments.slice(0, held), segments.slice(Math.min(held, segments.length))];
  const largest = Math.max(0, ...segments);
  return {
    held: sum(first),
    open: first.length,
    streamed: sum(rest),
    segment: Math.max(0, ...rest),
    computing: sum(first.map((bytes) => (bytes * SMALL < largest ? SMALL_SHARE : 1))),
  };
}

/** Segments with so many times less weights than the largest, as the first and the last, compute with a share of its arrays. */
const SMALL = 4;
const SMALL_SHARE = 0.3;
