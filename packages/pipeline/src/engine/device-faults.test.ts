import { AppError, type ErrorCode } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { toEngineError } from './device-faults.ts';

/** ONNX Runtime 1.30's CUDA provider, with a driver that fails as stated. */
const cuda = (failure: string, expr = 'cudaSetDevice(info_.device_id);'): string =>
  `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true] CUDA failure ${failure} ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; expr=${expr} `;

const NO_ADAPTER =
  '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n';
const INVALID_BUFFER =
  'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While validating entries[2] against { binding: 2, visibility: ShaderStage::Compute, buffer: {type: BufferBindingType::Storage, minBindingSize: 0, hasDynamicOffset: 0} }.\n';
const TOO_MANY_BUFFERS =
  "Non-zero status code returned while running MatMul node. Name:'MatMul_1' Status Message: /onnxruntime_src/onnxruntime/core/providers/webgpu/shader_helper.cc:306 numbers_storage_buffers_ <= limits_.maxStorageBuffersPerShaderStage was false. Too many storage buffers in shader. Current: 152, Max is 12\n";
const ARENA =
  "Non-zero status code returned while running FusedMatMul node. Name:'MatMul_1' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 16000000000000";

type Case = [words: string, code: ErrorCode, says: string, hint: string];

describe("ONNX Runtime's words of a device become a code, a cause and a remedy", () => {
  it.each<Case>([
    // CUDA, said at the start of a session.
    [
      cuda('35: CUDA driver version is insufficient for CUDA runtime version'),
      'device_unavailable',
      'driver of the card is too old',
      'newer driver',
    ],
    [cuda('804: forward compatibility was attempted on non supported HW'), 'device_unavailable', 'too old', 'newer'],
    [cuda('100: no CUDA-capable device is detected'), 'device_unavailable', 'finds no card', 'CUDA_VISIBLE_DEVICES'],
    [cuda('802: system not yet initialized'), 'device_unavailable', 'cannot begin', 'nvidia-smi'],
    [cuda('3: initialization error'), 'device_unavailable', 'cannot begin', 'nvidia-smi'],
    [cuda('999: unknown error'), 'device_unavailable', 'cannot begin', 'nvidia-smi'],
    [cuda('101: invalid device ordinal'), 'device_unavailable', 'no card with this number', 'counted from 0'],
    [cuda('46: CUDA-capable device(s) is/are busy or unavailable'), 'device_unavailable', 'busy', 'nvidia-smi'],
    [
      cuda('209: no kernel image is available for execution on the device'),
      'device_unavailable',
      'card is too old',
      'another device',
    ],
    [
      'cuDNN is not available. Install cuDNN, update the system library search path',
      'device_unavailable',
      'cuDNN',
      'cuDNN 9',
    ],
    // CUDA, said in the middle of an edit.
    [
      cuda('2: out of memory', 'cudaMalloc(&p, size)'),
      'out_of_memory',
      'CUDA failure 2: out of memory',
      'smaller result',
    ],
    ['CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=vm', 'out_of_memory', 'ALLOC_FAILED', 'card'],
    [cuda('700: an illegal memory access was encountered'), 'device_lost', 'CUDA failure 700', 'fresh engine'],
    [cuda('719: unspecified launch failure'), 'device_lost', 'CUDA failure 719', 'fresh engine'],
    [cuda('214: uncorrectable ECC error encountered'), 'device_lost', 'ECC', 'fresh engine'],
    [cuda('721: unspecified launch failure'), 'device_lost', 'CUDA failure 721', 'fresh engine'],
    ['CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0', 'engine_failed', 'CUBLAS failure 13', 'Try again'],
    // WebGPU.
    [NO_ADAPTER, 'device_unavailable', 'no card with a driver', 'vulkaninfo'],
    ['vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER', 'device_unavailable', 'Vulkan driver', 'libvulkan1'],
    [INVALID_BUFFER, 'out_of_memory', 'did not fit', 'smaller result'],
    [TOO_MANY_BUFFERS, 'out_of_memory', 'larger than the buffers', 'smaller result'],
    ['Buffer size (4294967296) exceeds the max buffer size limit (268435456).', 'out_of_memory', 'larger', 'smaller'],
    [
      'Binding size (300000000) of [Buffer] is larger than the maximum storage buffer binding size (134217728).',
      'out_of_memory',
      'larger',
      'smaller',
    ],
    ['vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', 'out_of_memory', 'VK_ERROR', 'smaller result'],
    ['vkQueueSubmit failed with VK_ERROR_DEVICE_LOST', 'device_lost', 'VK_ERROR_DEVICE_LOST', 'fresh engine'],
    ['A valid external Instance reference no longer exists. Device was lost.', 'device_lost', 'lost', 'fresh engine'],
    ['ID3D12Device::GetDeviceRemovedReason: DXGI_ERROR_DEVICE_HUNG', 'device_lost', 'DXGI_ERROR', 'fresh engine'],
    // Memory that runs out takes the device with it: the first is what helps to know.
    ['Device was lost: vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', 'out_of_memory', 'lost', 'smaller'],
    // Any device.
    ['no available backend found. ERR: [cuda] backend not found.', 'device_unavailable', 'this system', 'cpu'],
    [ARENA, 'out_of_memory', 'Failed to allocate memory', 'smaller result'],
    ['std::bad_alloc', 'out_of_memory', 'bad_alloc', 'smaller result'],
    ['Missing Input: x', 'engine_failed', 'Missing Input: x', 'Try again'],
  ])('%s', (words, code, says, hint) => {
    const cause = new Error(words);
    const error = toEngineError(cause, { key: 'cuda:1' });
    expect(error).toMatchObject({ code, cause });
    expect(error.message).toContain(says);
    expect(error.message).toContain('ONNX Runtime on cuda:1: ');
    expect(error.hint).toContain(hint);
  });
});

it('of CUDA, only what it says itself is told, without its source locations', () => {
  const error = toEngineError(new Error(cuda('101: invalid device ordinal')), { key: 'cuda:7' });
  expect(error.message).toBe(
    'There is no card with this number. ONNX Runtime on cuda:7: CUDA failure 101: invalid device ordinal',
  );
});

it('an error that is typed already stays as it is', () => {
  const error = new AppError('canceled', 'Cancelled.');
  expect(toEngineError(error, { key: 'cpu' })).toBe(error);
});
