import { expect, it } from 'vitest';
import { decodeBase64, parseImage } from './image-source.ts';

const bytes = Buffer.from([0xfb, 0xff, 0xfe, 0x00, 0x01]);
const base64 = bytes.toString('base64');

it.each([
  ['base64', base64],
  ['without padding', base64.replace(/=+$/, '')],
  ['of the alphabet for addresses', bytes.toString('base64url')],
  ['with line breaks', base64.replace(/..../, '$&\r\n')],
  ['a data URL', `data:image/png;base64,${base64}`],
  ['a data URL without a type', `data:;base64,${base64}`],
  ['an object', { data: base64 }],
  ['an object with a data URL', { url: `data:image/png;base64,${base64}` }],
])('%s is its bytes', (_, image) => {
  const source = parseImage(image, 'images.0');
  expect(source.kind === 'bytes' && Buffer.from(source.bytes)).toEqual(bytes);
});

it('addresses and uploads are named', () => {
  const upload = `upload_${'0a'.repeat(16)}`;
  expect(parseImage('HTTPS://example.com/a.png', 'x')).toEqual({ kind: 'url', url: 'HTTPS://example.com/a.png' });
  expect(parseImage({ url: 'ftp://example.com' }, 'x')).toEqual({ kind: 'url', url: 'ftp://example.com' });
  expect(parseImage(upload, 'x')).toEqual({ kind: 'upload', id: upload });
  expect(parseImage({ upload_id: upload }, 'x')).toEqual({ kind: 'upload', id: upload });
});

it.each([
  'a=b=',
  'ab===',
  'a b',
  'ab%3D',
  'data:image/png,abc',
  'data:image/png;base64;abc',
  'file:///etc/passwd',
  'upload_1',
  `https://example.com/${'a'.repeat(3000)}`,
  {},
  { url: 1 },
  { data: 'aa', upload_id: 'b' },
  { path: 'x' },
  [],
  null,
  5,
])('%j is none, and is named', (image) => {
  expect(() => parseImage(image, 'images.3')).toThrowError(expect.objectContaining({ code: 'invalid_parameter' }));
  expect(() => parseImage(image, 'images.3')).toThrowError(/^images\.3 /);
});

it('a long text takes no more than linear time', () => {
  // Quadratic time would be hours, which the time limit of a test run ends.
  expect(decodeBase64('\n'.repeat(3_000_000), 'x')).toHaveLength(0);
  for (const text of ['='.repeat(3_000_000), `${'\r\n'.repeat(1_000_000)}!`])
    expect(() => decodeBase64(text, 'x')).toThrowError(expect.objectContaining({ code: 'invalid_parameter' }));
});
