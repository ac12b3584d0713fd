import { type MemoryVerdict, type ModelShape, type PrecisionName, precisionFacts } from '@qwen-edit/contract';
import { deviceNamed } from '../src/engine/devices.ts';
import { computeForm } from '../src/plan/compute-form.ts';
import { editFlops } from '../src/plan/flops.ts';
import { planMemory } from '../src/plan/memory.ts';
import { type PlannedEdit, sequenceOf } from '../src/plan/sequence.ts';
import type { KnownCard } from './cards.ts';

/**
 * Shares of the published peaks that are taken as reached: of matrix units in products and in attention, of the other units in both, of the
 * bandwidth, and of the link, whose memory on the host is not pinned. Assumptions: of an H200 they give what others measured there.
 */
const REACHED = {
  products: 0.6,
  attention: 0.4,
  plain: 0.4,
  convolutions: 0.2,
  bandwidth: 0.8,
  link: 0.4,
} as const;

/** Arrays [tokens, width] that a block of the transformer reads or writes, operator by operator, those of an MLP's hidden layer as four. */
const BLOCK_PASSES = 68;
const F32 = 4;
const HALF = 2;
const GIB = 2 ** 30;

/** What an edit should take on a card. */
export interface CardSeconds {
  readonly verdict: MemoryVerdict;
  /** Bytes of its memory at the peak. */
  readonly peak: number;
  readonly tiled: boolean;
  /** One step, and its parts. */
  readonly step: number;
  readonly parts: {
    readonly products: number;
    readonly attention: number;
    /** What operators read and write beside; and weights that are made larger for each product. */
    readonly memory: number;
    /** What segments give that returns to the host, and weights that do not stay. */
    readonly transfers: number;
  };
  /** The whole edit, without loading. */
  readonly edit: number;
}

/** By operations, bytes and transfers; nothing of it is measured. `memoryBytes`: of the card, if a program has less than all. */
export function cardSeconds(
  shape: ModelShape,
  edit: PlannedEdit,
  on: { readonly card: KnownCard; readonly precision: PrecisionName; readonly memoryBytes?: number },
): CardSeconds {
  const { card, precision, memoryBytes = on.card.memory * GIB } = on;
  const device = deviceNamed(card.device);
  const form = computeForm(precision, device);
  const plan = planMemory(shape, edit, { device: card.device, precision, memoryBytes });
  const flops = editFlops(shape, edit, device);
  const rates = ratesOf(card, precision);

  const { layers, hidden_size: d } = shape.transformer;
  const sequence = sequenceOf(shape, edit);
  const image = sequence.target + sequence.references;
  const lengths = sequence.text.map((text) => image + text);
  const ofAttention = edit.numImages * sum(lengths.map((length) => 4 * length ** 2 * d * layers));
  const arrays = edit.numImages * sum(lengths.map((length) => length * d));
  const passes = edit.numImages * lengths.length;
  const enlarged = form.isPrepared ? passes * weightsOf(shape) * (Number(form.layers) + 2 * HALF) : 0;
  const { segments } = plan.residency.transformer;
  const returned = device.keepsOutputs ? 0 : 2 * F32 * arrays * (segments - 1);
  const parts = {
    products: (flops.step - ofAttention) / rates.products,
    attention: ofAttention / rates.attention,
    memory: (BLOCK_PASSES * layers * arrays * F32 + enlarged) / (REACHED.bandwidth * card.bandwidth),
    transfers: (returned + plan.disk_bytes_a_step) / (REACHED.link * card.link),
  };
  const step = parts.products + parts.attention + parts.memory + parts.transfers;
  const around =
    (flops.text + flops.vision) / rates.products + (flops.vae_encode + flops.vae_decode) / rates.convolutions;
  return {
    ...{ verdict: plan.verdict, peak: plan.peak_bytes, tiled: plan.tiled, step, parts },
    edit: edit.steps * step + around,
  };
}

/** Operations a second. CUDA's kernels use matrix units, for weights in 8 and 4 bits too, which are made larger first. */
function ratesOf({ device, matrix, plain }: KnownCard, precision: PrecisionName) {
  const { bytesPerWeight } = precisionFacts(precision);
  if (matrix === null || deviceNamed(device).keepsOutputs) {
    const isHalf = bytesPerWeight === HALF;
    return {
      products: REACHED.plain * (isHalf ? plain.fp16 : plain.fp32),
      attention: REACHED.plain * plain.fp32,
      convolutions: REACHED.convolutions * plain.fp32,
    };
  }
  // In fp32 they round their inputs to TF32, at half the rate.
  const peak = bytesPerWeight === 'stored' ? matrix.half / 2 : matrix.half;
  return {
    products: REACHED.products * peak,
    attention: REACHED.attention * peak,
    convolutions: (REACHED.convolutions * matrix.half) / 2,
  };
}

/** Of the blocks' products. */
const weightsOf = ({ transformer: { layers, hidden_size: d } }: ModelShape): number => 24 * layers * d ** 2;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
