import { describe, expect, it } from 'vitest';
import { type AskedSize, requireResultSize, resultSize, shapeWarning } from './result-size.ts';

const RULES = { maxSide: 768, area: 65_536, multiple: 8 };
const size = (width: number, height: number) => ({ width, height });
const SHAPES = [size(256, 256), size(451, 300), size(300, 451), size(1920, 1080), size(4000, 300), size(97, 61)];

describe('a side alone keeps the shape of the picture', () => {
  it('a square picture stays square', () => {
    expect(resultSize({ width: 300 }, size(256, 256), RULES)).toEqual(size(296, 296));
    expect(resultSize({ height: 300 }, size(256, 256), RULES)).toEqual(size(296, 296));
  });

  it.each(SHAPES)('to the nearest multiple, of %j', (picture) => {
    for (const multiple of [8, 16, 32]) {
      for (let side = 64; side <= 1024; side += 7) {
        const wide = resultSize({ width: side }, picture, { ...RULES, multiple });
        expect(wide.width).toBe(Math.floor(side / multiple) * multiple);
        expect(wide.height % multiple).toBe(0);
        expect(wide.height).toBeGreaterThan(0);
        const ideal = (wide.width * picture.height) / picture.width;
        if (ideal >= multiple / 2) expect(Math.abs(wide.height - ideal)).toBeLessThanOrEqual(multiple / 2);
      }
    }
  });

  it('of the picture as it was given, whatever max_side makes of it', () => {
    expect(resultSize({ height: 800 }, size(300, 4000), { ...RULES, maxSide: 64 })).toEqual(size(64, 800));
  });
});

it('both sides are taken as they are asked for, and none is the size that diffusers gives', () => {
  expect(resultSize({ width: 107, height: 70 }, size(200, 50), { ...RULES, multiple: 16 })).toEqual(size(96, 64));
  expect(resultSize({}, size(451, 300), RULES)).toEqual(size(320, 224));
});

it.each<[AskedSize, string]>([
  [{ width: 7 }, 'width must be at least 8 with this model, not 7.'],
  [{ width: 64, height: 7 }, 'height must be at least 8 with this model, not 7.'],
  [{ height: 4096 }, 'height of 4096 gives the result a width of'],
])('%j is refused by name', (asked, words) => {
  expect(() => requireResultSize(asked, size(4000, 300), RULES)).toThrow(words);
});

it('both sides of a narrow picture may be said', () => {
  expect(requireResultSize({ width: 64, height: 4096 }, size(4000, 300), RULES)).toEqual(size(64, 4096));
});

describe('a result in another shape than its picture says so', () => {
  it.each([
    [size(296, 256), size(256, 256), '15.6 %'],
    [size(256, 296), size(256, 256), '15.6 %'],
    [size(320, 224), size(451, 300), '5.2 %'],
    [size(1021, 1000), size(1000, 1000), '2.1 %'],
  ])('%j of %j', (result, picture, figure) => {
    expect(shapeWarning(result, picture)).toEqual([expect.stringContaining(figure)]);
  });

  it.each([
    [size(296, 296), size(256, 256)],
    [size(1020, 1000), size(1000, 1000)],
    [size(448, 296), size(451, 300)],
  ])('%j of %j is the same shape', (result, picture) => {
    expect(shapeWarning(result, picture)).toEqual([]);
  });
});
