import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findCudaProvider, requireCudaProvider, requireDriver } from './cuda-provider.ts';

async function folderWith(name: string, content: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-provider-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), content);
  return folder;
}

it.each([
  ['libonnxruntime_providers_cuda.so', 'libcublasLt.so.12\0libcudart.so.12\0', 12],
  ['libonnxruntime_providers_cuda.so', 'libcublas.so.13\0', 13],
  ['onnxruntime_providers_cuda.dll', 'cudart64_12.dll', 12],
  ['libonnxruntime_providers_cuda.so', 'nothing of the kind', null],
] as const)('the library %s with %j is for CUDA %s', async (name, needs, cuda) => {
  // The name lies across the border between two reads.
  const content = Buffer.concat([Buffer.alloc(4 * 2 ** 20 - 5), Buffer.from(needs), Buffer.alloc(100)]);
  const folder = await folderWith(name, content);
  expect(await findCudaProvider(folder)).toEqual({ path: join(folder, name), cuda });
});

it('where it is not installed, the command that installs it is told', async () => {
  const folder = await folderWith('libonnxruntime.so.1', Buffer.alloc(0));
  const found = await findCudaProvider(folder);
  expect(found).toBeUndefined();
  expect(() => requireCudaProvider(found)).toThrow(
    expect.objectContaining({
      code: 'device_unavailable',
      hint: expect.stringContaining(
        'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node',
      ),
    }),
  );
});

it.each([
  ['525.60.13', 12],
  ['535.161.08', 12],
  ['580.65.06', 13],
  ['600.1', 13],
  [null, 13],
  ['470.82.01', 11],
] as const)('the driver %s does for CUDA %s', (driver, cuda) => {
  expect(() => requireDriver(driver, cuda)).not.toThrow();
});

it.each([
  ['525.59.9', 12, '525.60'],
  ['470.82.01', null, '525.60'],
  ['575.64', 13, '580'],
] as const)('the driver %s is too old for CUDA %s', (driver, cuda, least) => {
  expect(() => requireDriver(driver, cuda)).toThrow(
    `The driver of NVIDIA is ${driver}, and CUDA ${cuda ?? 12} needs ${least}`,
  );
});
