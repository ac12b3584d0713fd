import { describe, expect, it } from 'vitest';
import { randn } from './noise.ts';

describe('numbers that do not fill whole blocks of 16', () => {
  it.each([17, 24, 40, 600, 1000])('%d are those of a longer draw, apart from the last 16', (count) => {
    const noise = randn(count, 7n);
    expect(noise).toHaveLength(count);
    const longer = randn(1024, 7n);
    expect(noise.subarray(0, count - 16)).toEqual(longer.subarray(0, count - 16));
    expect(noise.subarray(count - 16)).not.toEqual(longer.subarray(count - 16, count));
    expect(noise.every(Number.isFinite)).toBe(true);
  });

  it('whole blocks are those of a longer draw to the last', () => {
    expect(randn(48, 7n)).toEqual(randn(1024, 7n).subarray(0, 48));
  });

  it('the mean is 0 and the deviation 1', () => {
    const noise = randn(100_001, 3n);
    const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
    const variance = noise.reduce((sum, x) => sum + x * x, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  });

  it('fewer than 16 are refused', () => {
    expect(() => randn(12, 0n)).toThrow('too small');
  });
});
