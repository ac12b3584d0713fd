import type { DeviceName } from '@qwen-edit/contract';
import type { InferenceSession } from 'onnxruntime-node';
import { chooseFrom } from './choices.ts';

/** A processor that can run the networks. */
export interface Device {
  /** How callers, facts and receipts name it. */
  readonly name: DeviceName;
  /** The same in words, for messages. */
  readonly label: string;
  /** The options of ONNX Runtime's sessions that depend on the device. */
  readonly sessionOptions: Pick<InferenceSession.SessionOptions, 'executionProviders' | 'enableCpuMemArena'>;
}

/** Every device. A new one is an entry here, and nothing else. */
const DEVICES = {
  cpu: {
    label: 'the processor of this machine',
    // The memory arena is off: each session's arena would keep its largest activations for ever, times the segments.
    sessionOptions: { executionProviders: ['cpu'], enableCpuMemArena: false },
  },
} as const satisfies Partial<Record<DeviceName, Omit<Device, 'name'>>>;

/**
 * The device with this name; without a name, or with an empty one, the default device.
 * Throws AppError `invalid_parameter`, which lists the devices, for an unknown name.
 */
export function deviceNamed(name?: string): Device {
  const key = chooseFrom(DEVICES, 'device', name, 'cpu');
  return { name: key, ...DEVICES[key] };
}
