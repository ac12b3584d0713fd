import { open, readdir } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';

/** ONNX Runtime's library for CUDA. */
export interface CudaProvider {
  readonly path: string;
  /** The version of CUDA that it was built for; null: it does not say. */
  readonly cuda: number | null;
}

/** What has npm run the script that fetches it: .npmrc and new versions of npm leave scripts out. */
export const INSTALL_CUDA = 'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node';

/** The oldest driver for each version of CUDA. Source: CUDA Toolkit Release Notes, minor version compatibility. */
const LEAST_DRIVER: Readonly<Record<number, string>> = { 12: '525.60', 13: '580' };

const LIBRARY = /^(lib)?onnxruntime_providers_cuda\.(so|dll)$/;
const CHUNK = 4 * 2 ** 20;
/** The names of the libraries that a library needs lie near its beginning. */
const SEARCHED = 256 * 2 ** 20;
const CUDA = /(?:libcudart\.so\.|libcublas\.so\.|cudart64_|cublas64_)(1[0-9])\b/;
/** No name is longer. */
const OVERLAP = 64;

/** The library in a folder, by default where onnxruntime-node has its binding; undefined if there is none. */
export async function findCudaProvider(folder = bindingFolder()): Promise<CudaProvider | undefined> {
  const names = folder === undefined ? [] : await readdir(folder).catch(() => []);
  const name = names.find((each) => LIBRARY.test(each));
  if (folder === undefined || name === undefined) return undefined;
  const path = join(folder, name);
  return { path, cuda: await cudaVersionOf(path) };
}

/** Where the native part of onnxruntime-node lies; undefined if the package is not there. */
export function bindingFolder(): string | undefined {
  try {
    const file = findPackageJSON('onnxruntime-node', import.meta.url);
    return file === undefined ? undefined : join(dirname(file), 'bin/napi-v6', process.platform, process.arch);
  } catch {
    return undefined;
  }
}

async function cudaVersionOf(path: string): Promise<number | null> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return null;
  try {
    const buffer = Buffer.alloc(CHUNK);
    for (let at = 0; at < SEARCHED; at += CHUNK - OVERLAP) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, at);
      const [, version] = CUDA.exec(buffer.toString('latin1', 0, bytesRead)) ?? [];
      if (version !== undefined) return Number(version);
      if (bytesRead < CHUNK) break;
    }
    return null;
  } finally {
    await file.close();
  }
}

/** Throws AppError `device_unavailable`, with the command that installs it, if the library is not there. */
export function requireCudaProvider(provider: CudaProvider | undefined): CudaProvider {
  if (provider !== undefined) return provider;
  throw new AppError('device_unavailable', "ONNX Runtime's library for CUDA is not installed.", {
    hint: `Run \`${INSTALL_CUDA}\` in the folder of qwen-edit (Linux x64), or use the image worker-cuda.`,
  });
}

/** Throws AppError `device_unavailable` if a driver is older than the library needs. One that is not told is let pass. */
export function requireDriver(driver: string | null, cuda: number | null): void {
  const least = LEAST_DRIVER[cuda ?? 12];
  if (driver === null || least === undefined || !isOlder(driver, least)) return;
  throw new AppError(
    'device_unavailable',
    `The driver of NVIDIA is ${driver}, and CUDA ${cuda ?? 12} needs ${least} or later.`,
    { hint: 'Update the driver of the card, and restart the machine.' },
  );
}

function isOlder(driver: string, least: string): boolean {
  const [have, need] = [driver, least].map((text) => text.split('.').map(Number));
  for (const [i, part] of (need ?? []).entries()) {
    const other = have?.[i] ?? 0;
    if (other !== part) return other < part;
  }
  return false;
}
