import type { EstimatedSeconds, ModelShape } from '@qwen-edit/contract';
import { type EditFlops, editFlops } from './flops.ts';
import type { PlannedEdit } from './sequence.ts';

/** An edit that was made, and how long its stages took. */
export interface FinishedEdit {
  readonly edit: PlannedEdit;
  readonly encode_s: number;
  readonly denoise_s: number;
  readonly decode_s: number;
}

/** What edits are made with, and those that were. */
interface MadeBy {
  readonly finished: readonly FinishedEdit[];
  readonly threads: number;
  /** As of Device: true for a card. */
  readonly ownMemory?: boolean;
}

/**
 * Floating-point operations a second and thread of fp32 products: the fastest, a usual and the slowest of the processors that were
 * measured, rounded; see docs/PERFORMANCE.md.
 */
const FLOPS_A_THREAD = { fast: 160e9, usual: 100e9, slow: 40e9 } as const;
/** Beyond this many threads, memory is what bounds a product. */
const MOST_THREADS = 32;
/** The same of cards, from those of data centres to the graphics of a processor: bench/card-seconds.ts tells more of known ones. */
const FLOPS_OF_CARDS = { fast: 400e12, usual: 40e12, slow: 1e12 } as const;

/**
 * How long an edit takes. Each finished edit gives one figure: its seconds in each stage, scaled by the operations of that stage.
 * Their median is the estimate, and a tenth of them lie below `low` and above `high`. Without any, arithmetic gives the order of
 * magnitude.
 */
export function editSeconds(
  shape: ModelShape,
  edit: PlannedEdit,
  { finished, threads, ownMemory = false }: MadeBy,
): EstimatedSeconds {
  const wanted = editFlops(shape, edit);
  const figures = finished
    .map((each) => scaled(each, editFlops(shape, each.edit), wanted))
    .filter((seconds) => Number.isFinite(seconds) && seconds > 0)
    .toSorted((a, b) => a - b);
  if (figures.length > 0) {
    return {
      low: quantile(figures, 0.1),
      median: quantile(figures, 0.5),
      high: quantile(figures, 0.9),
      basis: 'history',
      samples: figures.length,
    };
  }
  const used = ownMemory ? 1 : Math.max(1, Math.min(threads, MOST_THREADS));
  const at = (flops: number): number => wanted.total / (flops * used);
  const { fast, usual, slow } = ownMemory ? FLOPS_OF_CARDS : FLOPS_A_THREAD;
  return { low: at(fast), median: at(usual), high: at(slow), basis: 'arithmetic', samples: 0 };
}

function scaled(done: FinishedEdit, was: EditFlops, wanted: EditFlops): number {
  const encode = (flops: EditFlops): number => flops.text + flops.vision + flops.vae_encode;
  return (
    (done.encode_s * encode(wanted)) / encode(was) +
    (done.denoise_s * wanted.denoise) / was.denoise +
    (done.decode_s * wanted.vae_decode) / was.vae_decode
  );
}

/** Of values in order, the one below which this share of them lies; between two it is linear. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}
