import { expect, it } from 'vitest';
import { endingsOf, OUTPUT_FORMATS, outputFormatOfEnding, PICTURE_FORMATS } from './picture-formats.ts';

it('a format has one media type, and endings that no other format has', () => {
  const all = Object.values(PICTURE_FORMATS);
  const endings = all.flatMap((format) => [...format.endings]);
  expect(new Set(all.map(({ mediaType }) => mediaType)).size).toBe(all.length);
  expect(new Set(endings).size).toBe(endings.length);
});

it.each([
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/webp', 'webp'],
  ['image/bmp', 'bmp'],
  ['', 'img'],
])('a file of %j ends in %s', (mediaType, ending) => {
  expect(endingsOf(mediaType)[0]).toBe(ending);
});

it('an ending asks for a format, whatever its case; only formats of results count', () => {
  expect(['.png', '.jpg', 'JPEG', '.WebP'].map(outputFormatOfEnding)).toEqual(['png', 'jpeg', 'jpeg', 'webp']);
  expect(['', '.', '.gif', '.jpgx', 'png.'].map(outputFormatOfEnding)).toEqual(Array(5).fill(undefined));
  for (const format of OUTPUT_FORMATS) expect(outputFormatOfEnding(PICTURE_FORMATS[format].endings[0])).toBe(format);
});
