import { AppError, LIMITS } from '@qwen-edit/contract';

/** Throws AppError `image_too_large`, which begins with `label`, for a file above the limit. */
export function checkImageBytes(bytes: Uint8Array, label: string): void {
  if (bytes.length > LIMITS.imageBytes)
    throw new AppError('image_too_large', `${label} has ${bytes.length} bytes; the limit is ${LIMITS.imageBytes}.`);
}
