import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { memoryOfEdits, memoryOfEngine, threadsOfEngine } from './engine-share.ts';

const GIB = 2 ** 30;
const machine = { totalBytes: 24 * GIB };

it('the limit of the settings counts as far as the machine has the memory', () => {
  const allowed = (size: string): number => memoryOfEdits(readConfig({ QWEN_EDIT_CPU_MAX_MEMORY: size }), machine);
  expect(allowed('')).toBe(24 * GIB);
  expect(allowed('16GiB')).toBe(16 * GIB);
  expect(allowed('16000MB')).toBe(16e9);
  expect(allowed('17179869184')).toBe(16 * GIB);
  expect(allowed('120GiB')).toBe(24 * GIB);
});

it('several engines share memory and cores', () => {
  const config = readConfig({ QWEN_EDIT_MAX_CONCURRENCY: '3', QWEN_EDIT_CPU_MAX_MEMORY: '12GiB' });
  expect(memoryOfEngine(config, machine)).toBe(4 * GIB);
  expect(threadsOfEngine(config, 8)).toBe(2);
  expect(threadsOfEngine(config, 2)).toBe(1);
  expect(threadsOfEngine({ ...config, maxCpuThreads: 5 }, 8)).toBe(5);
});
