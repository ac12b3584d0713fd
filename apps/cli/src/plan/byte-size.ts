import { AppError } from '@qwen-edit/contract';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ...{ b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 },
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/** Bytes as people write them: 16GiB, 16 GB, 16G (as GiB), 17179869184. undefined for what is no size. */
export function bytesOf(text: string): number | undefined {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const scale = Object.hasOwn(UNITS, unit.toLowerCase()) ? UNITS[unit.toLowerCase()] : undefined;
  const bytes = number === '' || scale === undefined ? Number.NaN : Math.round(Number(number) * scale);
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined;
}

/** The same of a flag. Throws AppError `usage` that names it. */
export function byteSize(flag: string, text: string): number {
  const bytes = bytesOf(text);
  if (bytes === undefined) throw new AppError('usage', `${flag} must be a size such as 16GiB, got '${text}'.`);
  return bytes;
}

/** `43.5 GB`, and `0.8 GB`: enough to compare with what a machine has. */
export const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
