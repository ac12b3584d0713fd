import { expect, it } from 'vitest';
import { expectedResultSize, isSimilarRatio, limitSide, sizeText } from './size.ts';

it('max_side shortens the longest side and keeps the ratio', () => {
  expect(limitSide({ width: 4032, height: 3024 }, 768)).toEqual({ width: 768, height: 576 });
  expect(limitSide({ width: 300, height: 4000 }, 64)).toEqual({ width: 5, height: 64 });
});

it('a picture that is small enough, and one without a limit, stay as they are', () => {
  expect(limitSide({ width: 600, height: 400 }, 768)).toEqual({ width: 600, height: 400 });
  expect(limitSide({ width: 6000, height: 4000 }, 0)).toEqual({ width: 6000, height: 4000 });
});

it('halves go to the even neighbour, as in the pipeline, and no side vanishes', () => {
  expect(limitSide({ width: 200, height: 101 }, 100)).toEqual({ width: 100, height: 50 });
  expect(limitSide({ width: 10_000, height: 3 }, 64)).toEqual({ width: 64, height: 1 });
});

it('the size of a result is the one that the model makes', () => {
  expect(expectedResultSize({ width: 600, height: 400 }, 768, 65_536)).toEqual({ width: 320, height: 224 });
  expect(expectedResultSize({ width: 1000, height: 1000 }, 768, null)).toEqual({ width: 1024, height: 1024 });
});

it('a shape that was only rounded is similar, a turned one is not', () => {
  expect(isSimilarRatio({ width: 451, height: 300 }, { width: 320, height: 224 })).toBe(true);
  expect(isSimilarRatio({ width: 300, height: 451 }, { width: 320, height: 224 })).toBe(false);
});

it('a size is written with a sign of multiplication', () => {
  expect(sizeText({ width: 12, height: 3 })).toBe('12×3');
});
