import { type DeviceName, type PrecisionName, precisionOfDtype } from '@qwen-edit/contract';
import type { Config } from './settings.ts';

/** Everything runs on the processor in this version; QWEN_EDIT_FORCE_CPU asks for it. */
const DEVICE: DeviceName = 'cpu';

/**
 * The precision of QWEN_EDIT_DTYPE, and what should be said of it. Throws AppError `invalid_parameter` for one that this version does
 * not run: see precisionOfDtype.
 */
export function precisionOf({ dtype }: Pick<Config, 'dtype'>): {
  readonly precision: PrecisionName;
  readonly note?: string;
} {
  return dtype === undefined ? { precision: 'fp32' } : precisionOfDtype(dtype, DEVICE);
}

/** The same for what only looks at a machine: the default in place of a precision that this version does not run. */
export function usablePrecision(config: Pick<Config, 'dtype'>): PrecisionName {
  try {
    return precisionOf(config).precision;
  } catch {
    return precisionOf({ dtype: undefined }).precision;
  }
}
