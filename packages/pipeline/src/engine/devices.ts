import { AppError, type DeviceName, type DevicePlace, deviceKey, devicesKey, parseDevice } from '@qwen-edit/contract';
import type { InferenceSession } from 'onnxruntime-node';
import { type AttentionForm, composedAttention, fusedAttention } from '../onnx/attention.ts';
import type { BlockInputs } from '../onnx/linear-blocks.ts';

type SessionOptions = Pick<InferenceSession.SessionOptions, 'executionProviders' | 'enableCpuMemArena'>;

/**
 * Kernels that a device computes with. `fast` are those that are meant for it; `safe` are simpler ones, for a driver that gets one of
 * the others wrong: see decision 37.
 */
export type KernelSet = 'fast' | 'safe';

/** What of graphs and sessions depends on the kernels. */
interface Kernels {
  readonly attention: AttentionForm;
  /** Attention may take numbers of 16 bits, as it keeps logits and sums in 32. */
  readonly halfAttention: boolean;
  /** The options of ONNX Runtime's sessions on the device with this index. */
  readonly sessionOptions: (index: number) => SessionOptions;
}

/** What of graphs and sessions depends on the device, whatever its kernels. */
interface DeviceTraits {
  /** In words, for messages. */
  readonly label: string;
  /** Weights lie in memory of its own. Else they are mapped from their files, in main memory. */
  readonly ownMemory: boolean;
  /** What one segment gives can stay on the device for the next one. */
  readonly keepsOutputs: boolean;
  /** Casts of weights are computed once, when a graph is loaded. Else they are computed in each run, and the weights stay as stored. */
  readonly foldsCasts: boolean;
  /** A weight that takes more bytes is cut into several. */
  readonly largestWeight: number;
  /** Convolutions of many channels are faster by Winograd's transforms, as ONNX Runtime computes both. */
  readonly winograd: boolean;
  /** No array of a run can take more bytes. */
  readonly largestArray: number;
  /** A session keeps the memory that its runs have computed with, until it is released. */
  readonly keepsWorkspace: boolean;
  /** What activations are rounded to in products with weights in blocks. */
  readonly blockInputs: BlockInputs;
  /** Prepared weights are also stored as they are laid out for it. */
  readonly laysOut: boolean;
}

/** A processor that can run the networks. */
export interface Device extends DeviceTraits {
  readonly name: DeviceName;
  readonly index: number;
  /** How callers, facts and receipts name it: see deviceKey. */
  readonly key: string;
  readonly kernels: KernelSet;
  readonly attention: AttentionForm;
  /** See Kernels. */
  readonly halfAttention: boolean;
  readonly sessionOptions: SessionOptions;
  /** Itself, or all those of its kind that share the segments of an engine. */
  readonly spread: readonly Device[];
}

/** Of a storage buffer, every WebGPU adapter can bind so much: maxStorageBufferBindingSize of the specification. */
const WEBGPU_BINDING = 128 * 2 ** 20;
/** And the adapters of cards and of processors' graphics that we know of bind so much, SwiftShader among them. */
const WEBGPU_ARRAY = 2 ** 30;
const ANY = Number.POSITIVE_INFINITY;

/** Every device. A new one is an entry here, and nothing else. */
const DEVICES: Readonly<Record<DeviceName, DeviceTraits & Readonly<Record<KernelSet, Kernels>>>> = {
  cpu: {
    label: 'the processor of this machine',
    ...{ ownMemory: false, keepsOutputs: false, keepsWorkspace: false, largestWeight: ANY, largestArray: ANY },
    ...{ foldsCasts: false, winograd: true, blockInputs: 'int8', laysOut: true },
    fast: { attention: fusedAttention, halfAttention: false, sessionOptions: cpuOptions },
    safe: { attention: composedAttention, halfAttention: false, sessionOptions: cpuOptions },
  },
  webgpu: {
    label: "a graphics card of any vendor, by its system's graphics interface",
    ...{ ownMemory: true, keepsOutputs: true, keepsWorkspace: false },
    ...{ largestWeight: WEBGPU_BINDING, largestArray: WEBGPU_ARRAY },
    ...{ foldsCasts: true, winograd: false, blockInputs: 'fp32', laysOut: false },
    // Its fused attention is wrong above 16 tokens where subgroups have 4 or 8 lanes, and some convolutions are where channels are last.
    fast: { attention: fusedAttention, halfAttention: false, sessionOptions: () => webgpuOptions('NHWC') },
    safe: { attention: composedAttention, halfAttention: false, sessionOptions: () => webgpuOptions('NCHW') },
  },
  cuda: {
    label: 'a graphics card of NVIDIA',
    // Each session has an allocator of its own, which Node's binding can neither switch off nor shrink.
    ...{ ownMemory: true, keepsOutputs: false, keepsWorkspace: true, largestWeight: ANY, largestArray: ANY },
    ...{ foldsCasts: true, winograd: false, blockInputs: 'bf16', laysOut: false },
    fast: { attention: fusedAttention, halfAttention: true, sessionOptions: cudaOptions },
    safe: { attention: composedAttention, halfAttention: false, sessionOptions: cudaOptions },
  },
};

/**
 * The device with this name, as `cpu` or `cuda:1`, or several of a kind as one, `cuda:0+cuda:1`; without a name, or with an empty one,
 * the default device. Throws AppError `invalid_parameter`, which lists the devices, for an unknown name, and for kinds that differ.
 */
export function deviceNamed(name?: string, kernels: KernelSet = 'fast'): Device {
  const [first, ...others] = (name === undefined || name === '' ? 'cpu' : name)
    .split('+')
    .map((each) => parseDevice(each));
  if (first === undefined || others.some((other) => other.name !== first.name))
    throw new AppError('invalid_parameter', `The devices of ${name} are of different kinds.`, {
      hint: 'Spread an engine over devices of one kind, and separate engines by commas.',
    });
  const device = deviceAt(first, kernels);
  if (others.length === 0) return device;
  const spread = [device, ...others.map((other) => deviceAt(other, kernels))];
  return { ...device, key: devicesKey([first, ...others]), spread };
}

/** The processor of this machine, for what is not worth a place on another device. */
export const hostDevice = (): Device => deviceAt({ name: 'cpu', index: 0 }, 'fast');

function deviceAt(place: DevicePlace, kernels: KernelSet): Device {
  const { fast, safe, ...traits } = DEVICES[place.name];
  const { sessionOptions, ...forms } = kernels === 'fast' ? fast : safe;
  const key = deviceKey(place);
  const spread: Device[] = [];
  const device = { ...place, ...traits, ...forms, key, kernels, sessionOptions: sessionOptions(place.index), spread };
  spread.push(device);
  return device;
}

function cpuOptions(): SessionOptions {
  // The memory arena is off: each session's arena would keep its largest activations for ever, times the segments.
  return { executionProviders: ['cpu'], enableCpuMemArena: false };
}

function webgpuOptions(preferredLayout: 'NHWC' | 'NCHW'): SessionOptions {
  return { executionProviders: [{ name: 'webgpu', preferredLayout }], enableCpuMemArena: false };
}

function cudaOptions(deviceId: number): SessionOptions {
  return { executionProviders: [{ name: 'cuda', deviceId }], enableCpuMemArena: false };
}
