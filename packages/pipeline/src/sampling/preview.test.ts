import { describe, expect, it } from 'vitest';
import type { Planes } from '../arrays.ts';
import { applyColourMap, cleanEstimate, createColourFit } from './preview.ts';

const CHANNELS = 4;
const FACTOR = 4;
/** [3, CHANNELS], and what is added. */
const WEIGHTS = [
  [0.3, -0.1, 0.05, 0],
  [0.1, 0.2, -0.1, 0],
  [-0.1, 0.1, 0.25, 0],
];
const BIAS = [0.1, -0.2, 0];

/** Made-up numbers between -1.7 and 1.7, of variance 1. */
function madeUp(length: number, scale = 1): Float32Array {
  let state = 12345;
  return Float32Array.from({ length }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return (state / 2 ** 31 - 0.5) * Math.sqrt(12) * scale;
  });
}

function latentsOf(width: number, height: number, data = madeUp(CHANNELS * width * height)): Planes {
  return { data, channels: CHANNELS, width, height };
}

/** The picture that WEIGHTS make of latents, each place `FACTOR` pixels wide with a pattern whose mean is 0. */
function pictureOf({ data, width, height }: Planes): Planes {
  const picture = { channels: 3, width: width * FACTOR, height: height * FACTOR };
  const out = new Float32Array(3 * picture.width * picture.height);
  for (let k = 0; k < 3; k++) {
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const place = Math.floor(y / FACTOR) * width + Math.floor(x / FACTOR);
        let colour = BIAS[k]! + ((x + y) % 2 === 0 ? 0.01 : -0.01);
        for (let c = 0; c < CHANNELS; c++) colour += WEIGHTS[k]![c]! * data[c * width * height + place]!;
        out[(k * picture.height + y) * picture.width + x] = colour;
      }
    }
  }
  return { ...picture, data: out };
}

describe('a fit', () => {
  it('finds the linear map that made the pictures, from one or from several', () => {
    for (const sizes of [
      [[32, 24]],
      [
        [8, 6],
        [20, 4],
        [7, 7],
      ],
    ] as const) {
      const fit = createColourFit(CHANNELS);
      for (const [width, height] of sizes) fit.learn(latentsOf(width, height), pictureOf(latentsOf(width, height)));
      const { weights, bias } = fit.map();
      for (const [i, weight] of WEIGHTS.flat().entries()) expect(weights[i]).toBeCloseTo(weight, 2);
      for (const [i, added] of BIAS.entries()) expect(bias[i]).toBeCloseTo(added, 2);
    }
  });

  it.each<[string, Planes]>([
    ['one latent', latentsOf(1, 1)],
    ['two', latentsOf(2, 1)],
    ['a flat picture', latentsOf(8, 8, new Float32Array(CHANNELS * 64).fill(0.7))],
    [
      'channels that are all the same',
      latentsOf(
        8,
        8,
        Float32Array.from({ length: CHANNELS * 64 }, (_, i) => i % 64),
      ),
    ],
    ['large latents that are all the same', latentsOf(8, 8, new Float32Array(CHANNELS * 64).fill(123_456.7))],
    ['huge latents', latentsOf(8, 8, madeUp(CHANNELS * 64, 1e12))],
    ['tiny latents', latentsOf(8, 8, madeUp(CHANNELS * 64, 1e-30))],
  ])('of %s has numbers only, and gives back the mean colour', (_, latents) => {
    const fit = createColourFit(CHANNELS);
    const { width, height } = latents;
    const data = new Float32Array(3 * width * height * FACTOR ** 2).fill(0.5);
    fit.learn(latents, { data, channels: 3, width: width * FACTOR, height: height * FACTOR });
    const map = fit.map();
    expect([...map.weights, ...map.bias].every(Number.isFinite)).toBe(true);
    for (const level of applyColourMap(map, latents).data) expect(Math.abs(level - 191)).toBeLessThanOrEqual(1);
  });
});

it('a map makes a picture of one pixel for each latent, and clamps its colours', () => {
  const weights = Float64Array.from([1, 0, 0, 1, -1, 0]);
  const bias = Float64Array.of(0, 0, 0.5);
  const latents = { data: Float32Array.of(-3, 0, 1, 0.2, -0.2, 0), channels: 2, width: 3, height: 1 };
  expect(applyColourMap({ weights, bias }, latents)).toEqual({
    width: 3,
    height: 1,
    data: Uint8Array.of(0, 153, 255, 128, 102, 191, 255, 128, 64),
  });
});

it('the clean estimate is what flow matching mixed with the noise', () => {
  const clean = madeUp(64);
  const noise = madeUp(128).slice(64);
  const sigma = 0.75;
  const noisy = clean.map((value, i) => (1 - sigma) * value + sigma * noise[i]!);
  const velocity = clean.map((value, i) => noise[i]! - value);
  const before = [...noisy];
  for (const [i, value] of cleanEstimate(noisy, velocity, sigma).entries()) expect(value).toBeCloseTo(clean[i]!, 5);
  expect([...noisy]).toEqual(before);
});
