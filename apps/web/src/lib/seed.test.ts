import { expect, it } from 'vitest';
import { drawSeed, isSeed } from './seed.ts';

it.each(['0', '-1', ' 7 ', '18446744073709551615'])('%j is a seed', (text) => {
  expect(isSeed(text)).toBe(true);
});

it.each(['', '-2', '1.5', '1e3', '18446744073709551616', '１'])('%j is none', (text) => {
  expect(isSeed(text)).toBe(false);
});

it('the dice never show the same seed again', () => {
  const draw = (numbers: Uint32Array<ArrayBuffer>): Uint32Array => numbers.fill(7);
  expect(drawSeed('0', draw)).toBe('7');
  expect(drawSeed('7', draw)).toBe('6');
});
