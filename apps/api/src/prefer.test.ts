import { expect, it } from 'vitest';
import { waitSecondsOf } from './prefer.ts';

it.each([
  [undefined, 0],
  ['', 0],
  ['wait=10', 10],
  ['WAIT = 10', 10],
  ['wait="10"', 10],
  ['respond-async, wait=5', 5],
  ['respond-async;wait=5, foo="a, wait=9", wait=7', 7],
  ['wait=5; strict', 5],
  ['wait=61', 60],
  ['wait=999999999', 60],
  ['wait=0', 0],
  ['wait=3, wait=9', 3],
  ['wait', 0],
  ['wait=', 0],
  ['wait=x', 0],
  ['wait=-1', 0],
  ['wait=1.5', 0],
  ['waiting=5', 0],
  ['"wait=5"', 0],
])('Prefer: %s waits for %d seconds', (header, seconds) => {
  expect(waitSecondsOf(header, 60)).toBe(seconds);
});
