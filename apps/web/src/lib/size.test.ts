import { expect, it } from 'vitest';
import { expectedResultSize, isSimilarRatio, pictureToCompare, sizeText } from './size.ts';

it('the size of a result is the one that the model makes', () => {
  const picture = { width: 600, height: 400 };
  const demo = { area: 65_536, multiple: 8 };
  expect(expectedResultSize({}, picture, demo)).toEqual({ width: 320, height: 224 });
  expect(expectedResultSize({ width: 300 }, picture, demo)).toEqual({ width: 296, height: 200 });
  expect(expectedResultSize({ width: 300, height: 300 }, picture, demo)).toEqual({ width: 296, height: 296 });
  const unknown = { area: null, multiple: null };
  expect(expectedResultSize({}, { width: 1000, height: 1000 }, unknown)).toEqual({ width: 1024, height: 1024 });
});

it('a shape that was only rounded is similar, a turned one is not', () => {
  expect(isSimilarRatio({ width: 451, height: 300 }, { width: 320, height: 224 })).toBe(true);
  expect(isSimilarRatio({ width: 300, height: 451 }, { width: 320, height: 224 })).toBe(false);
});

it('a result is compared with the first picture in its shape', () => {
  const [wide, tall] = [
    { width: 600, height: 400 },
    { width: 300, height: 451 },
  ];
  expect(pictureToCompare([wide, tall])).toBe(1);
  expect(pictureToCompare([wide, tall, wide])).toBe(0);
  expect(pictureToCompare([wide])).toBe(0);
});

it('a size is written with a sign of multiplication', () => {
  expect(sizeText({ width: 12, height: 3 })).toBe('12×3');
});
