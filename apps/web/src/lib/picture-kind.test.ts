import { expect, it } from 'vitest';
import { pictureKindOf } from './picture-kind.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

it.each([
  ['\xff\xd8\xff\xe0', 'jpeg'],
  ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'png'],
  ['RIFF\x10\0\0\0WEBPVP8 ', 'webp'],
  ['GIF89a', 'gif'],
  ['II*\0', 'tiff'],
  ['MM\0*', 'tiff'],
  ['\0\0\0\x1cftypavif\0\0\0\0avifmif1', 'avif'],
  ['\0\0\0\x1cftypmif1\0\0\0\0mif1avif', 'avif'],
  ['BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0', 'bmp'],
  ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'heic'],
  ['\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'heic'],
])('%j is told by its first bytes', (head, kind) => {
  expect(pictureKindOf(bytes(head))).toBe(kind);
});

it.each([
  '',
  'hello',
  'BM is how many a text begins',
  '%PDF-1.7',
  'RIFF\0\0\0\0WAVE',
  '\0\0\0\x18ftypisom\0\0\0\0isommp42',
])('%j is no picture', (head) => {
  expect(pictureKindOf(bytes(head))).toBeUndefined();
});
