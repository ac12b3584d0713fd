import { expect, it } from 'vitest';
import { readMultipart } from './read-multipart.ts';

const LIMITS = { parts: 5, fieldBytes: 100, fileBytes: 1000 };
const TYPE = 'multipart/form-data; boundary=XX';

/** A body in pieces of `size` bytes. */
async function* pieces(text: string | Buffer, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const part = (disposition: string, content: string, type?: string): string =>
  `--XX\r\nContent-Disposition: form-data; ${disposition}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n${content}\r\n`;

it('parts come in order, however the body is cut', async () => {
  const body = [
    'a preamble\r\n',
    part('name="prompt"', 'Grüße\r\n--X'),
    part('name="image"; filename="a.png"', 'one', 'text/html'),
    part('name="image"', 'two', 'image/png'),
    part('name="params"; filename="p.json"', '{}', 'application/json'),
    '--XX--\r\nan epilogue',
  ].join('');
  for (const size of [1, 2, 3, 7, 64, 1000]) {
    const parts = await readMultipart(pieces(body, size), TYPE, LIMITS);
    expect(parts.map((each) => (each.kind === 'text' ? each.text : Buffer.from(each.bytes).toString()))).toEqual([
      'Grüße\r\n--X',
      'one',
      'two',
      '{}',
    ]);
    expect(parts.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'prompt text',
      'image file',
      'image file',
      'params file',
    ]);
  }
});

it('a large file takes its way through the parser whole', async () => {
  const content = 'x'.repeat(3_000_000);
  const body = `${part('name="image"; filename="a"', content)}--XX--\r\n`;
  const [file] = await readMultipart(pieces(body, 65_536), TYPE, { ...LIMITS, fileBytes: 3_000_000 });
  expect(file?.kind === 'file' && file.bytes.length).toBe(3_000_000);
});

it.each([
  ['too many parts', part('name="a"', 'x').repeat(6), 'request_too_large'],
  ['a field that is too large', part('name="a"', 'x'.repeat(101)), 'request_too_large'],
  ['a file that is too large', part('name="a"; filename="b"', 'x'.repeat(1001)), 'request_too_large'],
])('%s is refused', async (_, parts, code) => {
  for (const size of [1, 50, 5000])
    await expect(readMultipart(pieces(`${parts}--XX--\r\n`, size), TYPE, LIMITS)).rejects.toMatchObject({ code });
});

it('reading stops where a limit is passed', async () => {
  let sent = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      sent++;
      yield Buffer.from(part('name="a"', 'x'));
    }
  }
  await expect(readMultipart(endless(), TYPE, LIMITS)).rejects.toMatchObject({ code: 'request_too_large' });
  expect(sent).toBeLessThan(20);
});

it.each([
  ['no boundary', part('name="a"', 'x'), 'multipart/form-data'],
  ['another boundary', part('name="a"', 'x'), 'multipart/form-data; boundary=YY'],
  ['no end', part('name="a"', 'x'), TYPE],
  ['an end within a file', part('name="a"; filename="b"', 'x').slice(0, -3), TYPE],
])('%s is malformed', async (_, body, type) => {
  for (const size of [1, 1000])
    await expect(readMultipart(pieces(body, size), type, LIMITS)).rejects.toMatchObject({ code: 'request_malformed' });
});

it('what breaks off on its way keeps its own error', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(part('name="a"; filename="b"', 'x').slice(0, -3));
    throw new RangeError('gone');
  }
  await expect(readMultipart(broken(), TYPE, LIMITS)).rejects.toThrow('gone');
});

it('a file input that nobody has touched sends no file; an empty file that has a name is one', async () => {
  const body = [
    part('name="image"; filename="a.png"', 'x'),
    part('name="image"; filename=""', ''),
    part('name="image"', '', 'application/octet-stream'),
    part('name="image"; filename="empty.png"', ''),
    part('name="image"; filename=""', 'named by nothing'),
  ].join('');
  for (const size of [1, 1000]) {
    const parts = await readMultipart(pieces(`${body}--XX--\r\n`, size), TYPE, LIMITS);
    expect(parts.map((each) => (each.kind === 'file' ? Buffer.from(each.bytes).toString() : each.text))).toEqual([
      'x',
      '',
      'named by nothing',
    ]);
  }
});
