import { expect, it } from 'vitest';
import { resultFileName } from './file-name.ts';

it.each([
  ['Make it black and white!', 0, 1, 'image/png', 'make-it-black-and-white.png'],
  ['变成黑白照片', 1, 2, 'image/jpeg', '变成黑白照片-2.jpg'],
  ['../../etc/passwd', 0, 1, 'image/webp', 'etc-passwd.webp'],
  ['???', 0, 1, 'image/png', 'result.png'],
  ['a'.repeat(200), 0, 1, 'image/png', `${'a'.repeat(48)}.png`],
])('a result of “%s” is saved under a plain name', (prompt, index, count, type, wanted) => {
  expect(resultFileName(prompt, index, count, type)).toBe(wanted);
});
