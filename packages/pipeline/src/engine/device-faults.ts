import { AppError, type ErrorCode } from '@qwen-edit/contract';
import type { Device } from './devices.ts';
import { whyCudaDoesNotLoad } from './find-cuda-libraries.ts';

/** What ONNX Runtime's words tell of a device. */
interface DeviceFault {
  readonly words: RegExp;
  readonly code: ErrorCode;
  /** What is wrong, in plain words. Without it, only ONNX Runtime's own are told. */
  readonly says?: string;
  /** What to do, if the table of errors doesn't know it better. */
  readonly hint?: string;
}

const NEEDS_SMALLER =
  'Ask for a smaller result, as with --preset draft, choose a precision that takes less memory, or end what else uses the card.';
const DRIVER =
  'Install a newer driver of NVIDIA: CUDA 12 needs 525 or newer, CUDA 13 needs 580 or newer. `nvidia-smi` names the one that is there.';
const NO_CARD =
  'Check that `nvidia-smi` lists the card, and that CUDA_VISIBLE_DEVICES is not empty. A container needs NVIDIA’s container toolkit and --gpus all.';
const NO_ADAPTER =
  'Install the driver of the card. On Linux, install its Vulkan driver and libvulkan1 too: `vulkaninfo --summary` lists the cards. Else choose the device cpu.';
const OTHER_DEVICE = 'Choose another device: cpu is always there. docs/gpu.md says which device runs on which system.';

/** In the order in which they are tried: memory that ran out may take the device with it, and is what helps to know. */
const FAULTS: readonly DeviceFault[] = [
  ...faults('out_of_memory', NEEDS_SMALLER, [
    [/CUDA failure 2:|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|CU(BLAS|DNN)_STATUS_ALLOC_FAILED/],
    [/VK_ERROR_OUT_OF_(DEVICE|HOST)_MEMORY|E_OUTOFMEMORY|Allocation size too large|Failed to create GPU buffer/i],
    // What Dawn says of a buffer that it could not allocate is in its log. This is what the operator that needs it then says.
    [/\[Invalid Buffer/, 'A buffer did not fit into the memory of the card.'],
    [
      /exceeds the max buffer size limit|larger than the maximum storage buffer binding size|Too many storage buffers in shader|exceeds the WebGPU supported maximum/,
      'An array is larger than the buffers that the card allows.',
    ],
  ]),
  ...faults('out_of_memory', undefined, [[/bad.?alloc|failed to allocate|out of memory|BFC ?Arena/i]]),
  ...faults('device_lost', undefined, [
    [/CUDA failure (214|220|700|702|710|714|715|716|717|718|719|721):/],
    [
      /cudaError(IllegalAddress|LaunchFailure|LaunchTimeout|Assert|ECCUncorrectable|HardwareStackError|MisalignedAddress)/,
    ],
    [/an illegal memory access|unspecified launch failure|NVRM: Xid|fallen off the bus/i],
    [/VK_ERROR_DEVICE_LOST|DXGI_ERROR_DEVICE_(REMOVED|HUNG|RESET)|device (was|is|has been) lost|device lost/i],
  ]),
  ...faults('device_unavailable', DRIVER, [
    [
      /CUDA failure (35|803|804):|cudaErrorInsufficientDriver/,
      'The driver of the card is too old for these CUDA libraries.',
    ],
  ]),
  ...faults('device_unavailable', NO_CARD, [
    [/CUDA failure (100|38):|cudaErrorNoDevice/, 'CUDA finds no card.'],
    [/CUDA failure (3|4|802|999):/, 'CUDA cannot begin to use the card.'],
  ]),
  ...faults(
    'device_unavailable',
    'Choose a card that is there: `nvidia-smi -L` lists them. With CUDA_VISIBLE_DEVICES set, they are counted from 0 among those that it names.',
    [[/CUDA failure (101|10):|cudaErrorInvalidDevice\b/, 'There is no card with this number.']],
  ),
  ...faults(
    'device_unavailable',
    'End what else uses the card (`nvidia-smi` lists it), or choose another card; in the compute mode Exclusive_Process, one process may use it.',
    [[/CUDA failure 46:|cudaErrorDevicesUnavailable/, 'The card is busy, or closed to this process.']],
  ),
  ...faults('device_unavailable', OTHER_DEVICE, [
    [/CUDA failure (209|48):|no kernel image is available/, 'The card is too old for these CUDA libraries.'],
    [/no available backend found|backend not found/, 'ONNX Runtime’s package for this system cannot use this device.'],
  ]),
  ...faults(
    'device_unavailable',
    'Install cuDNN 9, and name its folder in LD_LIBRARY_PATH, or use the image worker-cuda.',
    [[/cuDNN is not available/, 'A library of CUDA is missing: cuDNN.']],
  ),
  ...faults('device_unavailable', 'Use the precision fp32, w8 or w4 on this card.', [
    [/requires f16 but the device does not support it/, 'WebGPU has no arithmetic in fp16 on this card.'],
  ]),
  ...faults('device_unavailable', NO_ADAPTER, [
    [
      /Failed to get a WebGPU (adapter|device)|No supported adapters/,
      'WebGPU finds no card with a driver that it accepts.',
    ],
    [/VK_ERROR_(INCOMPATIBLE_DRIVER|INITIALIZATION_FAILED)/, 'The Vulkan driver cannot be used.'],
  ]),
];

/**
 * What ONNX Runtime threw on this device, as a typed error: `device_unavailable` where the device cannot be used at all,
 * `device_lost` where it was lost, `out_of_memory`, or else `engine_failed`. Each keeps ONNX Runtime's words.
 */
export function toEngineError(cause: unknown, device: Pick<Device, 'key'>): AppError {
  if (cause instanceof AppError) return cause;
  const words = cause instanceof Error ? cause.message : String(cause);
  if (/Failed to load shared library/.test(words)) return unloadable(words, device, cause);
  const fault = FAULTS.find((each) => each.words.test(words));
  return new AppError(fault?.code ?? 'engine_failed', sentence(device, fault?.says, shortened(words)), {
    cause,
    ...(fault?.hint === undefined ? {} : { hint: fault.hint }),
  });
}

/** The provider is a library of its own. ONNX Runtime does not tell why it could not be loaded: that is looked up. */
function unloadable(words: string, device: Pick<Device, 'key'>, cause: unknown): AppError {
  const { says, hint } = whyCudaDoesNotLoad();
  return new AppError('device_unavailable', sentence(device, says, shortened(words)), { cause, hint });
}

function sentence(device: Pick<Device, 'key'>, says: string | undefined, words: string): string {
  return `${says === undefined ? '' : `${says} `}ONNX Runtime on ${device.key}: ${words}`;
}

/** CUDA's own words stand between pages of source locations. */
function shortened(words: string): string {
  return /(CUDA|CUBLAS|CUDNN) failure \d+: [^;]*/.exec(words)?.[0].trim() ?? words.trim();
}

function faults(
  code: ErrorCode,
  hint: string | undefined,
  rows: readonly (readonly [words: RegExp, says?: string])[],
): DeviceFault[] {
  return rows.map(([words, says]) => ({
    ...{ code, words },
    ...(says === undefined ? {} : { says }),
    ...(hint === undefined ? {} : { hint }),
  }));
}
