import { type PrecisionName, precisionFacts } from '@qwen-edit/contract';
import type { Device } from '../engine/devices.ts';
import { fusedAttention } from '../onnx/attention.ts';

/** What of a device decides about memory. */
export type PlannedDevice = Pick<
  Device,
  'ownMemory' | 'keepsOutputs' | 'foldsCasts' | 'attention' | 'largestArray' | 'keepsWorkspace'
>;

/** In what form a device has weights and activations in memory. */
export interface ComputeForm {
  /** Bytes of a weight of the repeated layers' products, and of any other; `stored`: as many as in the checkpoint's files. */
  readonly layers: number | 'stored';
  readonly others: number | 'stored';
  /** Weights of the repeated layers are prepared, once, on disk. */
  readonly isPrepared: boolean;
  /** Bytes of a number that networks compute with. */
  readonly element: number;
  /** Attention has its logits in memory. */
  readonly holdsLogits: boolean;
}

/** Bytes of the numbers that each precision computes with. */
const ELEMENT: Readonly<Record<PrecisionName, number>> = { fp32: 4, bf16: 2, fp16: 2, w8a8: 4, w8: 4, w4: 4 };
/** Weights with fewer bytes are prepared. */
const HALF = 2;

/** The form of a precision on a device. Where casts are computed once, weights have the type that is computed with. */
export function computeForm(
  precision: PrecisionName,
  { foldsCasts, attention }: Pick<Device, 'foldsCasts' | 'attention'>,
): ComputeForm {
  const { bytesPerWeight } = precisionFacts(precision);
  const isPrepared = bytesPerWeight !== 'stored' && bytesPerWeight < HALF;
  const element = ELEMENT[precision];
  const others = foldsCasts ? element : 'stored';
  return {
    layers: isPrepared ? bytesPerWeight : others,
    others,
    isPrepared,
    element,
    holdsLogits: attention !== fusedAttention,
  };
}
