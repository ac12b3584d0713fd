import { describe, expect, it } from 'vitest';
import { DEVICE_NAMES } from './devices.ts';
import {
  PRECISION_NAMES,
  parsePrecision,
  precisionFacts,
  precisionObstacle,
  precisionOfDtype,
  runnablePrecisions,
} from './precisions.ts';

it('every device can do something, and every precision is for some device', () => {
  for (const device of DEVICE_NAMES)
    expect(PRECISION_NAMES.some((name) => precisionFacts(name).devices[device] !== undefined)).toBe(true);
  for (const name of PRECISION_NAMES) expect(Object.keys(precisionFacts(name).devices)).not.toEqual([]);
});

it('this version runs four precisions on the processor, and says so of every other pair', () => {
  expect(runnablePrecisions('cpu')).toEqual(['fp32', 'w8a8', 'w8', 'w4']);
  for (const device of DEVICE_NAMES)
    for (const name of PRECISION_NAMES)
      expect(precisionObstacle(name, device) === undefined, `${name} on ${device}`).toBe(
        runnablePrecisions(device).includes(name),
      );
});

describe('a name', () => {
  it.each([
    ['fp32', 'fp32'],
    ['w4', 'w4'],
    ['int8', 'w8a8'],
    ['bfloat16', 'bf16'],
  ])('%s means %s', (name, precision) => {
    expect(parsePrecision(name)).toBe(precision);
  });

  it.each(['FP32', 'int4', '', 'toString', '__proto__'])('%j is none: it is refused with the list of all', (name) => {
    const list = PRECISION_NAMES.map((each) => `${each} (`);
    for (const each of list)
      expect(() => parsePrecision(name)).toThrow(
        expect.objectContaining({ code: 'invalid_parameter', message: expect.stringContaining(each) }),
      );
  });
});

describe('QWEN_EDIT_DTYPE on a processor', () => {
  it.each([
    ['fp32', 'fp32'],
    ['float32', 'fp32'],
    ['w8a8', 'w8a8'],
    ['int8', 'w8a8'],
    ['w4', 'w4'],
  ])('%s is what it runs: %s', (dtype, precision) => {
    expect(precisionOfDtype(dtype, 'cpu')).toEqual({ precision });
  });

  it.each(['bf16', 'fp16'])('%s was meant for a GPU: it runs fp32, with a note', (dtype) => {
    expect(precisionOfDtype(dtype, 'cpu')).toEqual({
      precision: 'fp32',
      note: `QWEN_EDIT_DTYPE=${dtype} is for GPUs: on cpu the networks compute in fp32, over the weights as they are stored.`,
    });
  });

  it.each(['w8', 'w4'])('%s on another device, which could do it, is refused', (dtype) => {
    expect(() => precisionOfDtype(dtype, 'webgpu')).toThrow('is not in this version; webgpu runs fp32.');
  });
});
