import { type PrecisionName, precisionFacts } from '@qwen-edit/contract';
import type { Device } from '../engine/devices.ts';
import { fusedAttention } from '../onnx/attention.ts';

/** In what form a device has weights in memory, and what it computes with. */
export interface ComputeForm {
  /** Bytes of a weight of the repeated layers' products, and of any other; `stored`: as many as in the checkpoint's files. */
  readonly layers: number | 'stored';
  readonly others: number | 'stored';
  /** Weights of the repeated layers are prepared, once, on disk. */
  readonly isPrepared: boolean;
  /** Attention has its logits in memory. */
  readonly holdsLogits: boolean;
}

/** Bytes of the numbers that flow between layers in every precision, and of weights that are cast to them when a graph is loaded. */
export const F32 = 4;
/** Weights with fewer bytes are prepared. */
const HALF = 2;

/** The form of a precision on a device. The vision tower, the first and the last layers are none of the repeated ones. */
export function computeForm(
  precision: PrecisionName,
  { foldsCasts, attention }: Pick<Device, 'foldsCasts' | 'attention'>,
): ComputeForm {
  const { bytesPerWeight } = precisionFacts(precision);
  const others = foldsCasts ? F32 : 'stored';
  return {
    layers: bytesPerWeight === 'stored' ? others : bytesPerWeight,
    others,
    isPrepared: bytesPerWeight !== 'stored' && bytesPerWeight < HALF,
    holdsLogits: attention !== fusedAttention,
  };
}
