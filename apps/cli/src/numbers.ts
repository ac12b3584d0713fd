import { AppError } from '@qwen-edit/contract';

/** A whole number as people write it: no point, exponent, hexadecimal or blank. undefined stays undefined. */
export function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new AppError('usage', `${flag} must be a whole number, got '${text}'.`);
  }
  return value;
}

/** A finite decimal number. undefined stays undefined. */
export function decimalNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(value)) {
    throw new AppError('usage', `${flag} must be a number, got '${text}'.`);
  }
  return value;
}
