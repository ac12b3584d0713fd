import { describe, expect, it } from 'vitest';
import { createComparison, isUnchanged, likenessOf } from './likeness.ts';
import type { Pixels } from './resample.ts';

type Level = (x: number, y: number, c: number) => number;

function draw(width: number, height: number, level: Level): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    data[i] = level(pixel % width, Math.floor(pixel / width), i % 3);
  }
  return { width, height, data };
}

/** Waves of three colours, dark enough that 60 may be added. */
const wave: Level = (x, y, c) => 90 + 60 * Math.sin((x + y * c) / 7);
/** Noise of up to ±6, as a VAE leaves it: the same each time. */
const noise = (x: number, y: number): number => ((((x * 7919 + y * 104_729) % 13) + 13) % 13) - 6;
const inside = (x: number, y: number, side: number): boolean => x >= 40 && x < 40 + side && y >= 40 && y < 40 + side;

const SIZE = [160, 128] as const;
const picture = draw(...SIZE, wave);

describe('what a picture loses on its way through a model is no change, and a change of one place is one', () => {
  it.each<[string, Level]>([
    ['nothing', wave],
    ['noise everywhere', (x, y, c) => wave(x, y, c) + noise(x, y)],
    ['one pixel', (x, y, c) => (x === 40 && y === 40 ? 255 : wave(x, y, c))],
  ])('%s is unchanged', (_, level) => {
    expect(isUnchanged(likenessOf(draw(...SIZE, level), picture))).toBe(true);
  });

  it.each<[string, Level]>([
    ['a small thing', (x, y, c) => (inside(x, y, 10) ? 255 : wave(x, y, c))],
    ['brighter', (x, y, c) => wave(x, y, c) + 40],
    ['without colours', (x, y) => wave(x, y, 1)],
    ['smoothed', (x, y, c) => 90 + 0.4 * (wave(x, y, c) - 90)],
    ['a border', (x, y, c) => (x >= 156 || y >= 124 ? 255 : wave(x, y, c))],
  ])('%s is a change', (_, level) => {
    expect(isUnchanged(likenessOf(draw(...SIZE, level), picture))).toBe(false);
  });
});

it('a result is compared with each picture at its own size, whole and cut, and the nearest is named', () => {
  const other = draw(64, 64, (x, y, c) => (wave(x, y, c) > 90 ? 200 : 20));
  const large = draw(320, 256, (x, y, c) => wave(x / 2, y / 2, c));
  // The result shows the middle of this picture, as a model does that keeps the shape of things.
  const wide = draw(480, 256, (x, y, c) => wave((x - 80) / 2, y / 2, c));
  const size = { width: 160, height: 128 };
  for (const same of [large, wide])
    expect(createComparison([other, same], size)(picture, 3)).toEqual([
      { output: 3, picture: 1, min_block_psnr: expect.any(Number), detail: expect.any(Number) },
    ]);
  expect(createComparison([other], size)(picture, 0)).toEqual([]);
});

it('pictures smaller than a block are compared too', () => {
  const one = draw(8, 8, () => 100);
  expect(likenessOf(one, one)).toEqual({ min_block_psnr: 99, detail: 1 });
  expect(
    likenessOf(
      one,
      draw(8, 8, () => 200),
    ).min_block_psnr,
  ).toBeLessThan(10);
});
