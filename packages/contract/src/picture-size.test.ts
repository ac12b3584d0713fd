import { expect, it } from 'vitest';
import { limitSide } from './picture-size.ts';

it('max_side shortens the longest side and keeps the ratio', () => {
  expect(limitSide({ width: 4032, height: 3024 }, 768)).toEqual({ width: 768, height: 576 });
  expect(limitSide({ width: 300, height: 4000 }, 64)).toEqual({ width: 5, height: 64 });
});

it('a picture that is small enough, and one without a limit, stay as they are', () => {
  expect(limitSide({ width: 600, height: 400 }, 768)).toEqual({ width: 600, height: 400 });
  expect(limitSide({ width: 6000, height: 4000 }, 0)).toEqual({ width: 6000, height: 4000 });
});

it('halves go to the even neighbour, and no side vanishes', () => {
  expect(limitSide({ width: 200, height: 101 }, 100)).toEqual({ width: 100, height: 50 });
  expect(limitSide({ width: 10_000, height: 3 }, 64)).toEqual({ width: 64, height: 1 });
});
