import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Those that ONNX Runtime 1.30's CUDA provider of PyPI asks for. Each symbol has its library's name as its version. */
const LIBRARIES = ['libcuda.so.1', 'libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10'];

export interface StandIn {
  /** A package onnxruntime-node with the provider beside its native part. */
  readonly runtime: string;
  /** For LD_LIBRARY_PATH. */
  readonly libraries: string;
}

/** Lays out a copy of onnxruntime-node with the CUDA provider of folder `provider`, over stand-ins for CUDA's libraries. Needs gcc. */
export async function buildStandIn(provider: string, folder: string): Promise<StandIn> {
  const libraries = join(folder, 'libraries');
  await mkdir(libraries);
  for (const name of LIBRARIES) {
    const versions = join(libraries, `${name}.map`);
    await writeFile(versions, `${name} { global: *; };\n`);
    const flags = ['-w', '-shared', '-fPIC', `-Wl,-soname,${name}`, `-Wl,--version-script=${versions}`];
    await promisify(execFile)('gcc', [
      ...flags,
      ...['-o', join(libraries, name), join(import.meta.dirname, 'libraries.c')],
    ]);
  }
  const original = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..');
  const runtime = join(folder, 'node_modules/onnxruntime-node');
  const native = join('bin/napi-v6', process.platform, process.arch);
  for (const part of ['package.json', 'dist', native])
    await cp(join(original, part), join(runtime, part), { recursive: true });
  await symlink(join(original, '../onnxruntime-common'), join(folder, 'node_modules/onnxruntime-common'));
  for (const name of await readdir(provider))
    if (name.startsWith('libonnxruntime_providers_')) await symlink(join(provider, name), join(runtime, native, name));
  return { runtime, libraries };
}
