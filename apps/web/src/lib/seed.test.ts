import { expect, it } from 'vitest';
import { drawSeed } from './seed.ts';

it('the dice never show the same seed again', () => {
  const draw = (numbers: Uint32Array<ArrayBuffer>): Uint32Array => numbers.fill(7);
  expect(drawSeed('0', draw)).toBe('7');
  expect(drawSeed('7', draw)).toBe('6');
});
