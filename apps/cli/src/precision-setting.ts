import { type DeviceName, type PrecisionName, precisionOfDtype, runnablePrecisions } from '@qwen-edit/contract';
import type { Config } from './settings.ts';

/** What each device computes in if nobody says, as soon as this version runs it there. */
const USUAL: Readonly<Record<DeviceName, PrecisionName>> = { cpu: 'fp32', webgpu: 'fp32', cuda: 'bf16' };

/** What a device computes in if nobody says: its usual precision, else the first that this version runs on it. */
function usualPrecision(device: DeviceName): PrecisionName {
  const runs = runnablePrecisions(device);
  return runs.includes(USUAL[device]) ? USUAL[device] : (runs[0] ?? USUAL[device]);
}

/**
 * The precision of QWEN_EDIT_DTYPE on a device, and what should be said of it. Throws AppError `invalid_parameter` for one that this
 * version does not run there: see precisionOfDtype.
 */
export function precisionOf(
  { dtype }: Pick<Config, 'dtype'>,
  device: DeviceName,
): {
  readonly precision: PrecisionName;
  readonly note?: string;
} {
  return dtype === undefined ? { precision: usualPrecision(device) } : precisionOfDtype(dtype, device);
}

/** The same for what only looks at a machine: the default in place of a precision that this version does not run. */
export function usablePrecision(config: Pick<Config, 'dtype'>, device: DeviceName): PrecisionName {
  try {
    return precisionOf(config, device).precision;
  } catch {
    return usualPrecision(device);
  }
}
