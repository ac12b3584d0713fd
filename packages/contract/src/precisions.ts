import type { DeviceName } from './devices.ts';
import { AppError } from './errors.ts';

interface PrecisionFacts {
  /** The name in words, for messages and help. */
  readonly label: string;
  /** Bytes that a weight of a matrix product takes in memory; `stored`: as many as in the checkpoint's files. */
  readonly bytesPerWeight: number | 'stored';
  /** Those that can compute so. */
  readonly devices: readonly DeviceName[];
}

/**
 * Every precision: how the networks compute, one vocabulary for all devices. What a device can do is what ONNX Runtime has kernels
 * for; `docs/plan.md` shows this table. Blocks of 128 weights have a scale of 32 bits each, and with 4 bits a zero point of 4.
 */
export const PRECISIONS = {
  fp32: {
    label: 'fp32 arithmetic over the weights as the checkpoint stores them',
    bytesPerWeight: 'stored',
    devices: ['cpu', 'webgpu', 'cuda'],
  },
  bf16: { label: 'bf16 arithmetic and weights', bytesPerWeight: 2, devices: ['cuda'] },
  fp16: { label: 'fp16 arithmetic and weights', bytesPerWeight: 2, devices: ['webgpu', 'cuda'] },
  w8a8: { label: 'int8 products: weights and activations in 8 bits', bytesPerWeight: 1, devices: ['cpu'] },
  w8: {
    label: 'weights in 8 bits, arithmetic as the device prefers',
    bytesPerWeight: 1 + 4 / 128,
    devices: ['cpu', 'webgpu', 'cuda'],
  },
  w4: {
    label: 'weights in 4 bits, arithmetic as the device prefers',
    bytesPerWeight: 0.5 + 4.5 / 128,
    devices: ['cpu', 'webgpu', 'cuda'],
  },
} as const satisfies Record<string, PrecisionFacts>;

export type PrecisionName = keyof typeof PRECISIONS;

const ROWS: Readonly<Record<PrecisionName, PrecisionFacts>> = PRECISIONS;
const isPrecisionName = (name: string): name is PrecisionName => Object.hasOwn(PRECISIONS, name);

/** The names of all precisions, in the order of the table. */
export const PRECISION_NAMES: readonly PrecisionName[] = Object.keys(PRECISIONS).filter(isPrecisionName);

/** Other names: torch's, and what int8 is called elsewhere. */
const OTHER_NAMES: Readonly<Record<string, PrecisionName>> = {
  int8: 'w8a8',
  float32: 'fp32',
  bfloat16: 'bf16',
  float16: 'fp16',
};

/** The row of a precision, for code that handles all of them alike. */
export const precisionFacts = (name: PrecisionName): PrecisionFacts => ROWS[name];

/** Precisions that a device computes in. */
export function runnablePrecisions(device: DeviceName): readonly PrecisionName[] {
  return PRECISION_NAMES.filter((name) => ROWS[name].devices.includes(device));
}

/**
 * The precision that a person means by a name. Throws AppError `invalid_parameter`, which lists all, for a name that is none.
 *
 * @example
 * parsePrecision('int8') // 'w8a8'
 */
export function parsePrecision(name: string): PrecisionName {
  if (isPrecisionName(name)) return name;
  const meant = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined;
  if (meant !== undefined) return meant;
  const known = PRECISION_NAMES.map((each) => `${each} (${ROWS[each].label})`).join(', ');
  throw new AppError('invalid_parameter', `There is no precision ${JSON.stringify(name)}; there is ${known}.`);
}

/** Why a device does not run a precision; undefined if it does. */
export function precisionObstacle(name: PrecisionName, device: DeviceName): string | undefined {
  if (ROWS[name].devices.includes(device)) return undefined;
  return `The device ${device} has no arithmetic for ${name}; ${device} runs ${runnablePrecisions(device).join(', ')}.`;
}

/** What takes as much memory, for a device that has no arithmetic for a precision. */
const INSTEAD: Readonly<Partial<Record<PrecisionName, PrecisionName>>> = { bf16: 'fp16', fp16: 'bf16', w8a8: 'w8' };

/**
 * The precision that the guide's variable QWEN_EDIT_DTYPE asks for, on a device. There it named the numbers of a GPU: for one that the
 * device has no arithmetic for it gives one of the same size, or else fp32, and a note. Throws AppError `invalid_parameter` for a
 * name that is none.
 *
 * @example
 * precisionOfDtype('bf16', 'cuda').precision // 'bf16'; on webgpu 'fp16', on cpu 'fp32', and a note with either
 */
export function precisionOfDtype(
  dtype: string,
  device: DeviceName,
): { readonly precision: PrecisionName; readonly note?: string } {
  const wanted = parsePrecision(dtype);
  const runs = runnablePrecisions(device);
  if (runs.includes(wanted)) return { precision: wanted };
  const instead = INSTEAD[wanted];
  const precision = instead !== undefined && runs.includes(instead) ? instead : 'fp32';
  return {
    precision,
    note: `QWEN_EDIT_DTYPE=${dtype} is for other devices: on ${device} the networks compute in ${precision}.`,
  };
}
