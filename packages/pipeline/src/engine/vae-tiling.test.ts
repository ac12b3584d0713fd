import { describe, expect, it } from 'vitest';
import type { Planes } from '../arrays.ts';
import { calculateDimensions } from '../image/dimensions.ts';
import { isTiled, tiled, tilesMore, UNTILED_AREA } from './vae-tiling.ts';

describe('tiles begin above 1024²', () => {
  it('no default size at 1024² is tiled, whatever its ratio', () => {
    const areas: number[] = [];
    for (let width = 1; width <= 400; width++) {
      for (const height of [1, 7, 20, 64, 100, 133, 200, 399, 400]) {
        if (width / height > 200 || height / width > 200) continue;
        const size = calculateDimensions(1024 * 1024, { width, height });
        areas.push(size.width * size.height);
        expect(isTiled(size.width, size.height), `${size.width} × ${size.height}`).toBe(false);
      }
    }
    expect(Math.max(...areas), 'some are rounded up beyond it').toBeGreaterThan(1024 * 1024);
  });

  it.each([
    [1024, 1024, false],
    [1376, 768, false],
    [768, 1376, false],
    [1024, 1056, false],
    [1088, 1024, true],
    [1024, 1088, true],
    [1536, 1536, true],
    [4096, 4096, true],
    [64, 64, false],
  ])('%d × %d: %s', (width, height, wanted) => {
    expect(isTiled(width, height)).toBe(wanted);
    expect(isTiled(width, height, UNTILED_AREA)).toBe(wanted);
  });

  it('or above what a plan says, where that is less, and only that is told', () => {
    const at = (side: number) => ({ width: side, height: side });
    expect(isTiled(512, 512, 512 ** 2)).toBe(false);
    expect(isTiled(512, 512, 512 ** 2 - 1)).toBe(true);
    expect([tilesMore(at(512), 0), tilesMore(at(512), 512 ** 2), tilesMore(at(2048), 0)]).toEqual([true, false, false]);
  });
});

/** A picture whose every value is its own. */
function ramp(channels: number, height: number, width: number): Planes {
  return { channels, height, width, data: Float32Array.from({ length: channels * height * width }, (_, i) => i) };
}

/** Every `factor`-th place, as an encoder that only shrinks. */
function shrink(tile: Planes, factor: number): Planes {
  const height = Math.floor(tile.height / factor);
  const width = Math.floor(tile.width / factor);
  const data = new Float32Array(tile.channels * height * width);
  for (let i = 0; i < data.length; i++) {
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const c = Math.floor(i / width / height);
    data[i] = tile.data[(c * tile.height + y * factor) * tile.width + x * factor]!;
  }
  return { channels: tile.channels, height, width, data };
}

describe('seams do not show where tiles agree', () => {
  it.each([
    [256, 256],
    [192, 200],
    [300, 257],
    [448, 640],
    [500, 193],
  ])('%d × %d, a network that changes nothing', async (height, width) => {
    const picture = ramp(2, height, width);
    const out = await tiled(picture, async (tile) => ({ ...tile, data: tile.data.slice() }), { from: 1, to: 1 });
    expect([out.channels, out.height, out.width]).toEqual([2, height, width]);
    for (let i = 0; i < out.data.length; i++) {
      // Two shares of the same number, in fp32.
      if (!(Math.abs(out.data[i]! - picture.data[i]!) <= 1e-6 * picture.data[i]!)) expect.fail(`place ${i}`);
    }
  });

  it('a network that shrinks eight times', async () => {
    const picture = ramp(1, 512, 320);
    const out = await tiled(picture, async (tile) => shrink(tile, 8), { from: 1, to: 1 / 8 });
    const wanted = shrink(picture, 8);
    expect([out.height, out.width]).toEqual([64, 40]);
    for (let i = 0; i < out.data.length; i++) expect(Math.abs(out.data[i]! - wanted.data[i]!)).toBeLessThan(0.1);
  });

  it.each([
    ['across', 4, 384],
    ['down', 384, 4],
  ])('where they disagree, one passes %s into the other over 64 pixels, in equal steps', async (_, height, width) => {
    const values = [10, 74];
    const constant = async (tile: Planes): Promise<Planes> => {
      const value = values.shift()!;
      return { ...tile, data: tile.data.map(() => value) };
    };
    const out = await tiled(ramp(1, height, width), constant, { from: 1, to: 1 });
    const line = Array.from({ length: 384 }, (_, i) => out.data[i * (width === 384 ? 1 : 4)]);
    expect(line.slice(0, 193)).toEqual(Array(193).fill(10));
    expect(line.slice(192, 257)).toEqual(Array.from({ length: 65 }, (_, i) => 10 + i));
    expect(line.slice(256)).toEqual(Array(128).fill(74));
  });
});
