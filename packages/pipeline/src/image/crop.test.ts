import { expect, it } from 'vitest';
import { cropToShape } from './crop.ts';

/** Red tells the column, green the row. */
function numbered(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % width, Math.floor(pixel / width), 0][i % 3]!;
  });
  return { width, height, data };
}

it('a wide picture keeps its middle columns and all of its rows', () => {
  const cut = cropToShape(numbered(200, 100), { width: 256, height: 256 });
  expect([cut.width, cut.height]).toEqual([100, 100]);
  expect([...cut.data.subarray(0, 3)]).toEqual([50, 0, 0]);
  expect([...cut.data.subarray(-3)]).toEqual([149, 99, 0]);
});

it('a tall picture keeps its middle rows and all of its columns', () => {
  const cut = cropToShape(numbered(100, 200), { width: 256, height: 128 });
  expect([cut.width, cut.height]).toEqual([100, 50]);
  expect([...cut.data.subarray(0, 3)]).toEqual([0, 75, 0]);
});

it('a picture whose shape differs by the rounding of its sides only is kept whole', () => {
  const photo = numbered(150, 100);
  expect(cropToShape(photo, { width: 320, height: 224 })).toBe(photo);
});
