import { AppError } from '@qwen-edit/contract';
import { createEncodingCache, type EncodingCache, type EncodingCacheOptions } from '../encodings/encoding-cache.ts';

/** Where encodings are kept, how many bytes of them, and for how many milliseconds. */
export interface EncodingCachePlace {
  readonly folder: string;
  readonly maxBytes: number;
  readonly maxAgeMs?: number | undefined;
}

/** How often an engine looks for encodings that are too old, also if it makes no edits. */
const SWEEP_EVERY_MS = 5 * 60_000;

/** Throws AppError `invalid_parameter` for a place that makes no sense. */
export function requirePlace({ folder, maxBytes, maxAgeMs = 1 }: EncodingCachePlace): void {
  if (typeof folder !== 'string' || folder === '')
    throw new AppError('invalid_parameter', 'encodingCache.folder must name a folder.');
  for (const [name, value, least] of [['maxBytes', maxBytes, 0] as const, ['maxAgeMs', maxAgeMs, 1] as const]) {
    if (!Number.isSafeInteger(value) || value < least)
      throw new AppError(
        'invalid_parameter',
        `encodingCache.${name} must be a whole number of at least ${least}, not ${value}.`,
      );
  }
}

/** Removes what engines have kept there: for a device that has computed wrong numbers. */
export async function forgetEncodings({ folder }: EncodingCachePlace): Promise<void> {
  await createEncodingCache({ folder, maxBytes: 0 }).sweep();
}

/** The cache of an engine's process. It is swept now and every few minutes, so that what is too old goes also if no edit comes. */
export function openEncodings(place: EncodingCachePlace, onTrouble: EncodingCacheOptions['onTrouble']): EncodingCache {
  const cache = createEncodingCache({ ...place, onTrouble });
  const sweep = (): void => void cache.sweep();
  sweep();
  setInterval(sweep, SWEEP_EVERY_MS).unref();
  return cache;
}
