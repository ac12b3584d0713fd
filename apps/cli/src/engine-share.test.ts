import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { parseEngines } from './devices/parse-engines.ts';
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

const cpu = parseEngines('cpu');

it('several engines on the processor share memory and cores', () => {
  const config = readConfig({ QWEN_EDIT_CPU_MAX_MEMORY: '12GiB' });
  const three = [...cpu, ...cpu, ...cpu];
  expect(memoryOfEngine(3, config, machine)).toBe(4 * GIB);
  const threads = (cores: number, settings = config) => threadsOfEngine(three[0]!, three, settings, cores);
  expect(threads(8)).toBe(2);
  expect(threads(2)).toBe(1);
  expect(threads(8, { ...config, maxCpuThreads: 5 })).toBe(5);
});

it('engines on cards take few cores, and leave the others to the processor’s engine', () => {
  const engines = parseEngines('cuda:0,cuda:1,cpu');
  const threads = (cores: number) => engines.map((engine) => threadsOfEngine(engine, engines, readConfig({}), cores));
  expect(threads(32)).toEqual([4, 4, 24]);
  expect(threads(6)).toEqual([2, 2, 2]);
  expect(threads(1)).toEqual([1, 1, 1]);
});
