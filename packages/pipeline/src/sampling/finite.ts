import { AppError } from '@qwen-edit/contract';

/** Throws AppError `result_invalid`, which names the place, if a network gave NaN or infinity. */
export function requireFinite(values: Float32Array, place: string): void {
  if (!values.every(Number.isFinite))
    throw new AppError('result_invalid', `The network gave NaN or infinity at ${place}.`);
}
