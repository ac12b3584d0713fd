import { AppError } from '@qwen-edit/contract';

/** How close a golden edit has to come, in dB; higher is closer. */
export interface SelfTestBounds {
  /** Signal over error of what each network gives. */
  readonly network: number;
  /** PSNR of the picture. */
  readonly picture: number;
}

/**
 * The bounds of each precision. A new precision needs a row here, or its workers are never ready.
 *
 * fp32: other numbers of threads, which sum in another order, leave 119 dB or more in each network and the same picture, and the
 * kernels of PyTorch 127 dB. A layer
 * of a block that is scaled by 1.01 leaves at most 65 dB, wrong attention for some tokens 10 dB or less. 80 dB lie between the two.
 */
const BOUNDS: Readonly<Record<string, SelfTestBounds>> = {
  fp32: { network: 80, picture: 60 },
  w8a8: { network: 20, picture: 35 },
};

/** Throws AppError `internal` for a precision without a row: nobody has measured how far it may be from fp32. */
export function selfTestBounds(precision: string): SelfTestBounds {
  const bounds = BOUNDS[precision];
  if (bounds === undefined)
    throw new AppError('internal', `The precision ${precision} has no bounds for its self-test.`);
  return bounds;
}
