import { AppError } from './errors.ts';

/** Kinds of processors that the networks may run on. */
export const DEVICE_NAMES = ['cpu', 'webgpu', 'cuda'] as const;
export type DeviceName = (typeof DEVICE_NAMES)[number];

/** One processor: a kind, and which one of that kind. */
export interface DevicePlace {
  readonly name: DeviceName;
  /** From 0. On CUDA it counts the cards that CUDA_VISIBLE_DEVICES leaves. */
  readonly index: number;
}

/** True for a card that CUDA counts: nvidia-smi tells of it, and CUDA_VISIBLE_DEVICES decides whether it is seen. */
export const isCudaCard = ({ name }: DevicePlace): boolean => name === 'cuda';

/** True for the processor itself, which computes in main memory. */
export const isProcessor = ({ name }: DevicePlace): boolean => name === 'cpu';

/** Of these the machine has one only, as far as ONNX Runtime can choose. */
const SINGLE: readonly DeviceName[] = ['cpu', 'webgpu'];

/**
 * The processor that a name means: `cpu`, `webgpu`, `cuda` (the first card), `cuda:1`.
 * Throws AppError `invalid_parameter`, which lists the kinds, for any other text.
 *
 * @example
 * parseDevice('cuda:1') // { name: 'cuda', index: 1 }
 */
export function parseDevice(text: string): DevicePlace {
  const [, kind = '', digits] = /^([a-z]+)(?::(\d{1,3}))?$/.exec(text) ?? [];
  const name = DEVICE_NAMES.find((each) => each === kind);
  if (name === undefined)
    throw new AppError('invalid_parameter', `There is no device ${JSON.stringify(text)}; there is ${KNOWN}.`);
  const index = Number(digits ?? 0);
  if (index > 0 && SINGLE.includes(name))
    throw new AppError(
      'invalid_parameter',
      `There is no device ${JSON.stringify(text)}: ${name} has one, called ${name}.`,
    );
  return { name, index };
}

const KNOWN = 'cpu, webgpu, and cuda or cuda:0, cuda:1, … for one card';

/** How a processor is called in settings, facts, logs and metrics: `cpu`, `webgpu`, `cuda:0`. */
export function deviceKey({ name, index }: DevicePlace): string {
  return SINGLE.includes(name) ? name : `${name}:${index}`;
}

/**
 * The processors of QWEN_EDIT_DEVICES: one engine for each part between commas; `+` spreads one engine over several.
 * Throws AppError `invalid_parameter` for a part that names no device, and for an empty list.
 *
 * @example
 * parseDevices('cuda:0+cuda:1,cpu') // [[cuda 0, cuda 1], [cpu]]
 */
export function parseDevices(text: string): readonly (readonly DevicePlace[])[] {
  const engines = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => part.split('+').map((each) => parseDevice(each.trim())));
  if (engines.length === 0) throw new AppError('invalid_parameter', `There is no device in ${JSON.stringify(text)}.`);
  return engines;
}

/** How the processors of one engine are called together: `cuda:0+cuda:1`. */
export function devicesKey(places: readonly DevicePlace[]): string {
  return places.map(deviceKey).join('+');
}
