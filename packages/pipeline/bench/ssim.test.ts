import { describe, expect, it } from 'vitest';
import { type Levels, ssim } from './ssim.ts';

const picture = (level: (x: number, y: number) => number, side = 16): Levels => ({
  width: side,
  height: side,
  data: Float32Array.from({ length: side * side }, (_, i) => level(i % side, Math.floor(i / side))),
});
const ramp = picture((x, y) => 8 * x + 4 * y);

describe('structural similarity', () => {
  it('is 1 for equal pictures, and 0 for sizes that differ or have no window', () => {
    expect(ssim(ramp, ramp)).toBeCloseTo(1, 12);
    expect(
      ssim(
        ramp,
        picture(() => 0, 12),
      ),
    ).toBe(0);
    expect(
      ssim(
        picture(() => 0, 7),
        picture(() => 0, 7),
      ),
    ).toBe(0);
  });

  it('of two flat pictures is what the formula says of their levels', () => {
    const c1 = (0.01 * 255) ** 2;
    const expected = (2 * 100 * 150 + c1) / (100 ** 2 + 150 ** 2 + c1);
    expect(
      ssim(
        picture(() => 100),
        picture(() => 150),
      ),
    ).toBeCloseTo(expected, 12);
  });

  it('falls with noise, and below 0 for the opposite structure', () => {
    const noisy = (strength: number) => picture((x, y) => 8 * x + 4 * y + strength * ((x * 7 + y * 5) % 3));
    expect(ssim(ramp, noisy(2))).toBeLessThan(1);
    expect(ssim(ramp, noisy(20))).toBeLessThan(ssim(ramp, noisy(2)));
    expect(
      ssim(
        ramp,
        picture((x, y) => 180 - 8 * x - 4 * y),
      ),
    ).toBeLessThan(0);
  });
});
