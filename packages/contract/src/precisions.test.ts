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
  for (const device of DEVICE_NAMES) expect(runnablePrecisions(device)).not.toEqual([]);
  for (const name of PRECISION_NAMES) expect(precisionFacts(name).devices).not.toEqual([]);
});

it.each([
  ['cpu', ['fp32', 'w8a8', 'w8', 'w4']],
  ['webgpu', ['fp32', 'fp16', 'w8', 'w4']],
  ['cuda', ['fp32', 'bf16', 'fp16', 'w8', 'w4']],
] as const)('%s runs %j, and says so of every other precision', (device, runs) => {
  expect(runnablePrecisions(device)).toEqual(runs);
  for (const name of PRECISION_NAMES) {
    const obstacle = precisionObstacle(name, device);
    if (runs.some((each) => each === name)) expect(obstacle).toBeUndefined();
    else
      expect(obstacle).toBe(`The device ${device} has no arithmetic for ${name}; ${device} runs ${runs.join(', ')}.`);
  }
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

describe('QWEN_EDIT_DTYPE', () => {
  it.each([
    ['fp32', 'cpu', 'fp32'],
    ['float32', 'cpu', 'fp32'],
    ['int8', 'cpu', 'w8a8'],
    ['w4', 'cpu', 'w4'],
    ['fp16', 'webgpu', 'fp16'],
    ['w8', 'webgpu', 'w8'],
    ['bf16', 'cuda', 'bf16'],
    ['float16', 'cuda', 'fp16'],
    ['w4', 'cuda', 'w4'],
  ] as const)('%s on %s is what it says: %s', (dtype, device, precision) => {
    expect(precisionOfDtype(dtype, device)).toEqual({ precision });
  });

  it.each([
    ['bf16', 'cpu', 'fp32'],
    ['fp16', 'cpu', 'fp32'],
    ['bf16', 'webgpu', 'fp16'],
    ['w8a8', 'webgpu', 'w8'],
    ['int8', 'cuda', 'w8'],
  ] as const)('%s on %s, which has no arithmetic for it, gives %s with a note', (dtype, device, precision) => {
    expect(precisionOfDtype(dtype, device)).toEqual({
      precision,
      note: `QWEN_EDIT_DTYPE=${dtype} is for other devices: on ${device} the networks compute in ${precision}.`,
    });
  });
});
