import { expect, it } from 'vitest';
import { deviceNamed } from './devices.ts';
import { precisionNamed } from './precision.ts';

it.each([undefined, ''])('without a name (%j) the default is taken', (name) => {
  expect(deviceNamed(name).name).toBe('cpu');
  expect(precisionNamed(name).name).toBe('fp32');
});

it.each(['cpu2', 'CPU', ' cpu', 'toString', '__proto__'])('%j is refused, with a list of what there is', (name) => {
  expect(() => deviceNamed(name)).toThrow(
    expect.objectContaining({
      code: 'invalid_parameter',
      message: expect.stringContaining(`There is no device "${name}"; there is cpu, webgpu, `),
    }),
  );
  expect(() => precisionNamed(name)).toThrow(
    expect.objectContaining({
      code: 'invalid_parameter',
      message: expect.stringContaining(`There is no precision "${name}"; there is fp32 (`),
    }),
  );
});
