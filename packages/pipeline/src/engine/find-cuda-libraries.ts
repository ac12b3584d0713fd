import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bindingFolder, INSTALL_CUDA } from '../cards/cuda-provider.ts';

/** Why libraries could not be loaded, and what to do. */
interface LibraryFault {
  readonly says: string;
  readonly hint: string;
}

/** ONNX Runtime's libraries for CUDA, as the system sees them. */
export interface CudaLibraries {
  /** Folder of the native part of onnxruntime-node. */
  readonly folder: string;
  readonly exists: (path: string) => boolean;
  /** What the system's loader says when it opens this library. */
  readonly open: (path: string) => string;
}

/** Both lie beside the native part of onnxruntime-node; its package leaves them out. */
const PROVIDER = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/** Why ONNX Runtime cannot load its CUDA provider: the provider, the driver, or one of NVIDIA's libraries is missing. */
export function whyCudaDoesNotLoad(libraries: CudaLibraries = onThisSystem()): LibraryFault {
  const { folder, exists, open } = libraries;
  const paths = PROVIDER.map((name) => join(folder, name));
  const absent = paths.find((path) => !exists(path));
  if (absent !== undefined)
    return {
      says: `The provider library is missing: ${absent}.`,
      hint: `Run \`${INSTALL_CUDA}\` in the folder where qwen-edit is installed, or use the image worker-cuda. docs/gpu.md tells more.`,
    };
  const words = open(paths.at(-1) ?? '');
  const missing = /\b(lib[\w+-]+\.so[\d.]*): cannot open shared object file/.exec(words)?.[1];
  if (missing === undefined)
    return {
      says: `The provider library cannot be loaded: ${words}.`,
      hint: `Fetch it again by \`${INSTALL_CUDA}\`; its version must be that of onnxruntime-node.`,
    };
  if (missing.startsWith('libcuda.so'))
    return {
      says: `The driver of NVIDIA is missing: the system has no ${missing}.`,
      hint: 'Install the driver of the card: `nvidia-smi` then lists it. A container needs NVIDIA’s container toolkit and --gpus all. Else choose another device.',
    };
  return {
    says: `A library of CUDA is missing: the system has no ${missing}.`,
    hint: `Install CUDA and cuDNN 9 in the version that ${missing} belongs to, and name their folder in LD_LIBRARY_PATH, or use the image worker-cuda. docs/gpu.md tells more.`,
  };
}

function onThisSystem(): CudaLibraries {
  return { folder: bindingFolder() ?? '', exists: existsSync, open: loaderWords };
}

/** A library that is no addon always ends in an error, whose words are the loader's if it cannot be opened. */
function loaderWords(path: string): string {
  try {
    process.dlopen({ exports: {} }, path);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
