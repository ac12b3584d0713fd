import type { DeviceName } from './devices.ts';
import { AppError } from './errors.ts';

/** Whether a device has arithmetic for a precision: `runs` in this version, `later`: it has, and a later version may use it. */
type Support = 'runs' | 'later';

interface PrecisionFacts {
  /** The name in words, for messages and help. */
  readonly label: string;
  /** Bytes that a weight of a matrix product takes in memory; `stored`: as many as in the checkpoint's files. */
  readonly bytesPerWeight: number | 'stored';
  /** A device that is not named cannot compute so. */
  readonly devices: Readonly<Partial<Record<DeviceName, Support>>>;
}

/**
 * Every precision: how the networks compute, one vocabulary for all devices. What a device can do is what ONNX Runtime has kernels
 * for; `docs/plan.md` shows this table. Blocks of 128 weights have a scale of 32 bits each, and with 4 bits a zero point of 4.
 */
export const PRECISIONS = {
  fp32: {
    label: 'fp32 arithmetic over the weights as the checkpoint stores them',
    bytesPerWeight: 'stored',
    devices: { cpu: 'runs', webgpu: 'runs', cuda: 'runs' },
  },
  bf16: { label: 'bf16 arithmetic and weights', bytesPerWeight: 2, devices: { cuda: 'later' } },
  fp16: { label: 'fp16 arithmetic and weights', bytesPerWeight: 2, devices: { webgpu: 'later', cuda: 'later' } },
  w8a8: { label: 'int8 products: weights and activations in 8 bits', bytesPerWeight: 1, devices: { cpu: 'runs' } },
  w8: {
    label: 'weights in 8 bits, arithmetic as the device prefers',
    bytesPerWeight: 1 + 4 / 128,
    devices: { cpu: 'runs', webgpu: 'later', cuda: 'later' },
  },
  w4: {
    label: 'weights in 4 bits, arithmetic as the device prefers',
    bytesPerWeight: 0.5 + 4.5 / 128,
    devices: { cpu: 'runs', webgpu: 'later', cuda: 'later' },
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

/** Precisions that this version runs on a device. */
export function runnablePrecisions(device: DeviceName): readonly PrecisionName[] {
  return PRECISION_NAMES.filter((name) => ROWS[name].devices[device] === 'runs');
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

/** Why a device does not run a precision in this version; undefined if it does. */
export function precisionObstacle(name: PrecisionName, device: DeviceName): string | undefined {
  const support = ROWS[name].devices[device];
  if (support === 'runs') return undefined;
  const runs = runnablePrecisions(device);
  const instead = runs.length === 0 ? `nothing runs on ${device} yet` : `${device} runs ${runs.join(', ')}`;
  return support === 'later'
    ? `The precision ${name} is not in this version; ${instead}.`
    : `The device ${device} has no arithmetic for ${name}; ${instead}.`;
}

/**
 * The precision that the guide's variable QWEN_EDIT_DTYPE asks for, on a device. There it named the numbers of a GPU: one that the
 * device has no arithmetic for gives the device's own precision and a note, since the weights are read as they are stored anyway.
 * Throws AppError `invalid_parameter` for a name that is none, and for one that the device has but this version does not run.
 */
export function precisionOfDtype(
  dtype: string,
  device: DeviceName,
): { readonly precision: PrecisionName; readonly note?: string } {
  const wanted = parsePrecision(dtype);
  const obstacle = precisionObstacle(wanted, device);
  if (obstacle === undefined) return { precision: wanted };
  const [own] = runnablePrecisions(device);
  if (ROWS[wanted].devices[device] !== undefined || own === undefined)
    throw new AppError('invalid_parameter', obstacle);
  return {
    precision: own,
    note: `QWEN_EDIT_DTYPE=${dtype} is for GPUs: on ${device} the networks compute in ${own}, over the weights as they are stored.`,
  };
}
