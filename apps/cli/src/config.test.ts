import { AppError } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { readConfig } from './config.ts';

it('an empty environment leaves every value unset', () => {
  expect(readConfig({ PATH: '/bin', QWEN_EDIT_NICE: '' })).toEqual({
    modelDir: undefined,
    maxCpuThreads: undefined,
    nice: undefined,
    noColor: false,
  });
});

it('reads the names of the guide', () => {
  const environment = {
    QWEN_EDIT_2511_DIR: '/models/edit',
    QWEN_EDIT_MAX_CPU_THREADS: '4',
    QWEN_EDIT_NICE: '10',
    NO_COLOR: '1',
  };
  expect(readConfig(environment)).toEqual({ modelDir: '/models/edit', maxCpuThreads: 4, nice: 10, noColor: true });
});

it.each([
  ['QWEN_EDIT_MAX_CPU_THREADS', '0'],
  ['QWEN_EDIT_MAX_CPU_THREADS', '2.5'],
  ['QWEN_EDIT_MAX_CPU_THREADS', 'NaN'],
  ['QWEN_EDIT_NICE', '0x10'],
  ['QWEN_EDIT_NICE', '1e1'],
])('refuses %s=%s and names it', (name, value) => {
  const read = () => readConfig({ [name]: value });
  expect(read).toThrow(AppError);
  expect(read).toThrow(`${name} `);
});
