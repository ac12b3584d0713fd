import { describe, expect, it } from 'vitest';
import { whyCudaDoesNotLoad } from './find-cuda-libraries.ts';

const COMMAND = 'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node';
const SHARED = '/ort/libonnxruntime_providers_shared.so';
const CUDA = '/ort/libonnxruntime_providers_cuda.so';
const why = (there: readonly string[], loader: string) =>
  whyCudaDoesNotLoad({ folder: '/ort', exists: (path) => there.includes(path), open: () => loader });
const absent = (library: string): string => `${library}: cannot open shared object file: No such file or directory`;

describe('what keeps the CUDA provider from being loaded is named, with what to do', () => {
  it('the provider library is missing, and the hint has the whole command', () => {
    expect(why([], '').says).toBe(`The provider library is missing: ${SHARED}.`);
    expect(why([SHARED], '').says).toBe(`The provider library is missing: ${CUDA}.`);
    expect(why([], '').hint).toContain(`\`${COMMAND}\``);
  });

  it.each([
    ['libcuda.so.1', 'driver of NVIDIA is missing', 'nvidia-smi'],
    ['libcublasLt.so.13', 'library of CUDA is missing', 'LD_LIBRARY_PATH'],
    ['libcudart.so.12', 'library of CUDA is missing', 'LD_LIBRARY_PATH'],
  ])('the system has no %s', (library, says, hint) => {
    const fault = why([SHARED, CUDA], absent(library));
    expect(fault.says).toContain(says);
    expect(fault.says).toContain(library);
    expect(fault.hint).toContain(hint);
  });

  it('anything else is told in the words of the loader', () => {
    expect(why([SHARED, CUDA], 'file too short').says).toContain('file too short');
  });
});
