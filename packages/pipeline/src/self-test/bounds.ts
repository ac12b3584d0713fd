import { AppError } from '@qwen-edit/contract';
import type { BlockInputs } from '../onnx/linear-blocks.ts';

/** How close a device has to come to fp32 on the processor, in dB; higher is closer. */
export interface SelfTestBounds {
  /** Signal over error of the vision tower and the VAE, which compute in fp32 in every precision. */
  readonly plain: number;
  /** Of the text encoder and of one prediction of the transformer. */
  readonly network: number;
  /** Of the latents after all steps, where errors have added up. */
  readonly latents: number;
  /** PSNR of the picture. */
  readonly picture: number;
  /** Of what one block of the loaded checkpoint adds to its inputs. */
  readonly block: number;
}

/**
 * The bounds of each precision. A new precision needs a row here, or its workers are never ready.
 *
 * fp32: other numbers of threads, which sum in another order, leave 119 dB or more in each network and the same picture, and the
 * kernels of PyTorch 127 dB. A layer of a block that is scaled by 1.01 leaves at most 65 dB, wrong attention for some tokens 10 dB or less.
 * 80 dB lie between the two.
 *
 * The others lie some 5 dB below what they have. On an Intel Xeon with AMX: w8a8 33 dB in a prediction, 27 after all steps, 45 in
 * the picture; w8 27, 21 and 39; w4 14, 10 and 29. Activations that are not rounded to 8 bits as well leave w8 with 38, 33 and 51 dB
 * (WebGPU), and w4 as it is. fp16: 51, 45 and 56 dB where sums are in fp16 too (WebGPU), 62, 56 and 61 where they are in fp32. bf16, whose sums
 * are in fp32: 43, 40 and 54. Other kernels sum in another order, which costs up to 6 dB where sums are rounded. Small faults
 * hide behind the rounding. Faults of what computes in fp32 don't.
 *
 * One block by itself has w8a8 36 dB, w8 32 (33 at the true widths) and w4 16, whichever kernels; other kernels in fp32 126 and more, wrong
 * attention 38. At the true widths fp16 has 40.5 where sums are in fp16 too, 67 where they are in fp32, and bf16 48.6: see decision 39.
 */
const BOUNDS: Readonly<Record<string, SelfTestBounds>> = {
  fp32: { plain: 80, network: 80, latents: 80, picture: 60, block: 80 },
  bf16: { plain: 80, network: 37, latents: 34, picture: 48, block: 42 },
  fp16: { plain: 80, network: 42, latents: 36, picture: 48, block: 34 },
  w8a8: { plain: 80, network: 27, latents: 21, picture: 39, block: 31 },
  w8: { plain: 80, network: 22, latents: 16, picture: 33, block: 27 },
  w4: { plain: 80, network: 11, latents: 7, picture: 24, block: 11 },
};

/** Where activations keep more than 8 bits. */
const WIDE_INPUTS: Readonly<Record<string, SelfTestBounds>> = {
  w8: { plain: 80, network: 32, latents: 27, picture: 45, block: 32 },
};

/**
 * The bounds of a precision on a device that rounds activations to `inputs`: see Device. Throws AppError `internal` for a precision
 * without a row: nobody has measured how far it may be from fp32.
 */
export function selfTestBounds(precision: string, inputs: BlockInputs = 'int8'): SelfTestBounds {
  const bounds = (inputs === 'int8' ? undefined : WIDE_INPUTS[precision]) ?? BOUNDS[precision];
  if (bounds === undefined)
    throw new AppError('internal', `The precision ${precision} has no bounds for its self-test.`);
  return bounds;
}
