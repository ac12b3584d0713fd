import { describe, expect, it } from 'vitest';
import { eulerStep, trueCfg } from './guidance.ts';

const wave = (count: number, phase: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase) * (1 + (i % 5)));

describe('true guidance', () => {
  it.each([1, 2.5, 4, 100])('at scale %d is n + scale · (p - n), with the norm of p, token by token', (scale) => {
    const channels = 8;
    const positive = wave(5 * channels, 0);
    const negative = wave(5 * channels, 1);
    const got = trueCfg(positive, negative, scale, channels);
    for (let token = 0; token < 5; token++) {
      const at = (values: Float32Array): number[] => [...values.subarray(token * channels, (token + 1) * channels)];
      const combined = at(negative).map((n, i) => n + scale * (at(positive)[i]! - n));
      const norm = (values: number[]): number => Math.hypot(...values);
      const wanted = combined.map((value) => (value * norm(at(positive))) / norm(combined));
      for (const [i, value] of at(got).entries())
        expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-5 * norm(wanted));
    }
  });

  it('keeps the norm of each token, and at scale 1 the prediction itself', () => {
    const positive = wave(32, 0);
    const got = trueCfg(positive, wave(32, 2), 1, 16);
    for (const [i, value] of got.entries()) expect(Math.abs(value - positive[i]!)).toBeLessThan(1e-5);
  });

  it('does not change its inputs', () => {
    const positive = wave(16, 0);
    const negative = wave(16, 1);
    trueCfg(positive, negative, 4, 16);
    expect(positive).toEqual(wave(16, 0));
    expect(negative).toEqual(wave(16, 1));
  });
});

it('an Euler step goes from one noise level to the next, in place', () => {
  const latents = Float32Array.of(1, -2, 0.5);
  eulerStep(latents, Float32Array.of(4, 2, -1), 0.75, 0.5);
  expect(latents).toEqual(Float32Array.of(0, -2.5, 0.75));
});
