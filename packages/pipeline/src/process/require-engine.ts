import { findPackageJSON } from 'node:module';
import { AppError } from '@qwen-edit/contract';

/**
 * Throws AppError `usage` if ONNX Runtime is not installed, as in the image that only holds the API. Without this check each engine
 * would crash, which looks like a fault of the machine.
 */
export function requireEngine(): void {
  if (isInstalled('onnxruntime-node')) return;
  throw new AppError('usage', 'ONNX Runtime is not installed here, so that no edit can run.', {
    hint: 'In containers use the image `worker` or `all-in-one`; elsewhere run `npm ci`.',
  });
}

function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false;
  }
}
