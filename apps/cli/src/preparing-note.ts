import type { Preparing } from '@qwen-edit/pipeline';
import { inGigabytes } from './plan/byte-size.ts';

const LEAST_IN_GB = 1e8;

/** What is said before the weights of a model are prepared: it takes minutes and room on a disk. */
export function preparingNote({ precision, bytes, folder }: Preparing): string {
  const size = bytes < LEAST_IN_GB ? `${(bytes / 1e6).toFixed(1)} MB` : inGigabytes(bytes);
  return `Weights are prepared in ${precision} once: ${size} in ${folder}.`;
}
