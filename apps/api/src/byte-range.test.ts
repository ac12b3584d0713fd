import { expect, it } from 'vitest';
import { matchesNone, readRange } from './byte-range.ts';

it.each([
  ['bytes=0-9', { start: 0, end: 9 }],
  ['bytes=90-', { start: 90, end: 99 }],
  ['bytes=-10', { start: 90, end: 99 }],
  ['bytes=-1000', { start: 0, end: 99 }],
  ['bytes=50-1000', { start: 50, end: 99 }],
  ['Bytes=0-0', { start: 0, end: 0 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-4', 'all'],
  ['bytes=0-1,5-6', 'all'],
  ['bytes=', 'all'],
  ['bytes=-', 'all'],
  ['items=0-1', 'all'],
  [`bytes=${'9'.repeat(30)}-`, 'all'],
  [undefined, 'all'],
])('%s of 100 bytes', (header, wanted) => {
  expect(readRange(header, 100)).toEqual(wanted);
});

it('nothing can be satisfied of nothing', () => {
  expect(readRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(readRange('bytes=-1', 0)).toBe('unsatisfiable');
});

it.each([
  [undefined, false],
  ['"a"', true],
  ['W/"a"', true],
  ['"b" , "a"', true],
  ['*', true],
  ['a', false],
  ['"b"', false],
])('If-None-Match: %s', (header, matches) => {
  expect(matchesNone(header, '"a"')).toBe(matches);
});
