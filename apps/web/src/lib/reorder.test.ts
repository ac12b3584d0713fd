import { expect, it } from 'vitest';
import { moveItem } from './reorder.ts';

it.each([
  [0, 2, 'bca'],
  [2, 0, 'cab'],
  [1, 1, 'abc'],
  [0, 9, 'bca'],
  [2, -5, 'cab'],
  [7, 0, 'abc'],
])('moving %i to %i gives %s', (from, to, wanted) => {
  expect(moveItem(['a', 'b', 'c'], from, to).join('')).toBe(wanted);
});
