import { AppError } from '@qwen-edit/contract';

/** How close a golden edit has to come to fp32, in dB; higher is closer. */
export interface SelfTestBounds {
  /** Signal over error of the vision tower and the VAE, which compute in fp32 in every precision. */
  readonly plain: number;
  /** Of the text encoder and of one prediction of the transformer. */
  readonly network: number;
  /** Of the latents after all steps, where errors have added up. */
  readonly latents: number;
  /** PSNR of the picture. */
  readonly picture: number;
}

/**
 * The bounds of each precision. A new precision needs a row here, or its workers are never ready.
 *
 * fp32: other numbers of threads, which sum in another order, leave 119 dB or more in each network and the same picture, and the
 * kernels of PyTorch 127 dB. A layer of a block that is scaled by 1.01 leaves at most 65 dB, wrong attention for some tokens 10 dB or less.
 * 80 dB lie between the two.
 *
 * The others lie some 5 dB below what they have on an Intel Xeon with AMX: w8a8 33 dB in a prediction, 27 after all steps, 45 in
 * the picture; w8 27, 21 and 39; w4 14, 10 and 29. Small faults hide behind the rounding there. Faults of what computes in fp32 don't.
 */
const BOUNDS: Readonly<Record<string, SelfTestBounds>> = {
  fp32: { plain: 80, network: 80, latents: 80, picture: 60 },
  w8a8: { plain: 80, network: 27, latents: 21, picture: 39 },
  w8: { plain: 80, network: 22, latents: 16, picture: 33 },
  w4: { plain: 80, network: 11, latents: 7, picture: 24 },
};

/** Throws AppError `internal` for a precision without a row: nobody has measured how far it may be from fp32. */
export function selfTestBounds(precision: string): SelfTestBounds {
  const bounds = BOUNDS[precision];
  if (bounds === undefined)
    throw new AppError('internal', `The precision ${precision} has no bounds for its self-test.`);
  return bounds;
}
