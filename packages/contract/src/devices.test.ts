import { expect, it } from 'vitest';
import { deviceKey, devicesKey, parseDevice, parseDevices } from './devices.ts';

it.each([
  ['cpu', 'cpu'],
  ['webgpu', 'webgpu'],
  ['cuda', 'cuda:0'],
  ['cuda:3', 'cuda:3'],
])('%s means %s', (text, key) => {
  expect(deviceKey(parseDevice(text))).toBe(key);
});

it.each([
  '',
  'gpu',
  'CPU',
  ' cpu',
  '__proto__',
  'cuda:',
  'cuda:-1',
  'cuda:1000',
  'cuda 0',
  'cpu:1',
  'webgpu:1',
  'cuda:0,cpu',
])('%j names no device, and is refused with what does', (text) => {
  expect(() => parseDevice(text)).toThrow(expect.objectContaining({ code: 'invalid_parameter' }));
});

it('a list has one part for each engine, and a part may name several devices', () => {
  expect(parseDevices('cuda:0 + cuda:1, cpu,').map(devicesKey)).toEqual(['cuda:0+cuda:1', 'cpu']);
  expect(() => parseDevices(' , ')).toThrow('There is no device');
  expect(() => parseDevices('cuda:0,gpu')).toThrow('cuda:0, cuda:1');
});
