import { expect, it } from 'vitest';
import { checkFiles, type FileFacts } from './check-files.ts';

const LIMITS = { images: 8, imageBytes: 250_000_000, bodyBytes: 100_000_000 };
const NONE = { count: 0, bytes: 0 };
const photo = (name: string, bytes = 1000): FileFacts => ({ name, bytes, kind: 'jpeg' });

it('of 30 files the first 8 are taken, and the rest are counted', () => {
  const files = Array.from({ length: 30 }, (_, i) => photo(`${i}.jpg`));
  const { taken, refused, leftOut } = checkFiles(files, NONE, LIMITS);
  expect(taken).toEqual(files.slice(0, 8));
  expect(refused).toEqual([]);
  expect(leftOut).toBe(22);
});

it('pictures that are there already take their places', () => {
  const { taken, leftOut } = checkFiles([photo('a'), photo('b')], { count: 7, bytes: 0 }, LIMITS);
  expect(taken.map(({ name }) => name)).toEqual(['a']);
  expect(leftOut).toBe(1);
});

it('each file that is refused has its reason, and does not keep the others out', () => {
  const files: FileFacts[] = [
    { name: 'notes.txt', bytes: 9, kind: undefined },
    { name: 'IMG_1.HEIC', bytes: 9, kind: 'heic' },
    photo('huge.jpg', 100_000_001),
    photo('nothing.jpg', 0),
    photo('cat.jpg'),
  ];
  const { taken, refused } = checkFiles(files, NONE, LIMITS);
  expect(taken.map(({ name }) => name)).toEqual(['cat.jpg']);
  expect(refused.map(({ reason }) => reason)).toEqual(['no_picture', 'heic', 'too_large', 'empty']);
});

it('pictures that are fine alone may be too large together', () => {
  const { taken, refused } = checkFiles([photo('a', 60_000_000), photo('b', 60_000_000), photo('c', 9)], NONE, LIMITS);
  expect(taken.map(({ name }) => name)).toEqual(['a', 'c']);
  expect(refused).toMatchObject([{ reason: 'too_large_together' }]);
});
