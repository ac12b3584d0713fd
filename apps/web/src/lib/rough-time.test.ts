import { expect, it } from 'vitest';
import { roughSeconds } from './rough-time.ts';

it.each([
  [0.2, 1],
  [7.4, 7],
  [44, 40],
  [12 * 60 + 20, 12 * 60],
  [2.41 * 3600, 2 * 3600 + 20 * 60],
  [18.6 * 3600, 19 * 3600],
])('%d s are told as %d s', (seconds, told) => {
  expect(roughSeconds(seconds)).toBe(told);
});
