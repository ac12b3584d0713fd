import { expect, it } from 'vitest';
import { createBackoff } from './backoff.ts';

const rules = { firstMs: 100, maxMs: 10_000 };
const delays = (random: number, failures: readonly number[]): number[] =>
  failures.map(createBackoff({ ...rules, random: () => random }));

it('doubles with each failure up to the longest delay', () => {
  expect(delays(0.5, [1, 2, 3, 7, 8, 9])).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
});

it('spreads callers by up to a fifth either way', () => {
  expect(delays(0, [1, 8])).toEqual([80, 8000]);
  expect(delays(1, [1, 8])).toEqual([120, 12_000]);
});

it('stays at the longest delay however many failures there are', () => {
  expect(delays(0.5, [10_000])).toEqual([10_000]);
  expect(createBackoff({ firstMs: 0, maxMs: 100, random: () => 0.5 })(10_000)).toBe(0);
});

it('is random unless told otherwise', () => {
  const backoff = createBackoff(rules);
  const different = new Set(Array.from({ length: 100 }, () => backoff(8)));
  expect(different.size).toBeGreaterThan(10);
  for (const ms of different) expect(ms).toSatisfy((each: number) => each >= 8000 && each <= 12_000);
});
