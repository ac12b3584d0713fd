import { describe, expect, it } from 'vitest';
import { denormaliseLatents, normaliseLatents, packLatents, unpackLatents } from './latents.ts';

const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i);

describe('packing', () => {
  it('a token holds a 2 × 2 patch, channel by channel', () => {
    // Channel 0 is 0 … 7, channel 1 is 8 … 15, each 2 × 4.
    expect([...packLatents(numbers(16), 2, 2, 4)]).toEqual([0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15]);
  });

  it.each([
    [1, 2, 2],
    [16, 4, 6],
    [3, 10, 2],
  ])('%d × %d × %d: unpacked again it is what it was', (channels, height, width) => {
    const latents = numbers(channels * height * width);
    const packed = packLatents(latents, channels, height, width);
    expect([...packed].sort((a, b) => a - b)).toEqual([...latents]);
    expect(unpackLatents(packed, channels, height, width)).toEqual(latents);
  });
});

describe('normalising', () => {
  const mean = [0.5, -2];
  const std = [2, 0.25];

  it('takes the mean and the deviation of each channel', () => {
    expect([...normaliseLatents(Float32Array.of(0.5, 2.5, -2, -1), mean, std)]).toEqual([0, 1, 0, 4]);
    expect([...denormaliseLatents(Float32Array.of(0, 1, 0, 4), mean, std)]).toEqual([0.5, 2.5, -2, -1]);
  });

  it('and back it is the same within rounding', () => {
    const latents = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
    const back = denormaliseLatents(normaliseLatents(latents, mean, std), mean, std);
    for (const [i, value] of back.entries()) expect(Math.abs(value - latents[i]!)).toBeLessThan(1e-6);
  });
});
