import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { environment } from '../config.ts';

const PROGRAM = join(import.meta.dirname, 'session-program.ts');
const ORT = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin/napi-v6');
const hasCudaProvider = existsSync(join(ORT, process.platform, process.arch, 'libonnxruntime_providers_cuda.so'));

/** How a session on the device ends in a process with these variables. */
async function sessionOn(device: string, env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const child = promisify(execFile)(process.execPath, ['--no-warnings', PROGRAM, device], {
    env: { ...environment, ...env },
  });
  const { stdout } = await child;
  return JSON.parse(stdout) as Record<string, unknown>;
}

it('a session on the CPU computes', async () => {
  expect(await sessionOn('cpu')).toEqual({ squares: [30] });
});

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('a device that cannot be used', () => {
  it('WebGPU without a driver is `device_unavailable`, and the hint says what to install', async () => {
    const none = { VK_ICD_FILENAMES: '/none.json', VK_DRIVER_FILES: '/none.json', VK_ADD_DRIVER_FILES: '' };
    expect(await sessionOn('webgpu', none)).toEqual({
      code: 'device_unavailable',
      message: expect.stringMatching(/^WebGPU finds no card .*ONNX Runtime on webgpu: .*No supported adapters$/s),
      hint: expect.stringContaining('vulkaninfo'),
    });
  });

  it('CUDA computes where its provider and a card are there, and is `device_unavailable` with a remedy elsewhere', async () => {
    const end = await sessionOn('cuda');
    if (!hasCudaProvider) {
      expect(end).toEqual({
        code: 'device_unavailable',
        message: expect.stringContaining('The provider library is missing: '),
        hint: expect.stringContaining('npm rebuild --ignore-scripts=false onnxruntime-node'),
      });
    } else if ('code' in end) {
      expect(end).toMatchObject({ code: 'device_unavailable', hint: expect.any(String) });
    } else {
      expect(end).toEqual({ squares: [30] });
    }
  });

  it('a card that CUDA_VISIBLE_DEVICES hides is `device_unavailable`', async () => {
    expect(await sessionOn('cuda:99', { CUDA_VISIBLE_DEVICES: '' })).toMatchObject({ code: 'device_unavailable' });
  });
});
