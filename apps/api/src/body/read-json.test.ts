import { expect, it } from 'vitest';
import { parseJson, readJsonBody } from './read-json.ts';

async function* pieces(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

it('a body that is cut anywhere is read whole', async () => {
  const bytes = Buffer.from('{"prompt":"把图片变成 👩‍👩‍👧"}');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const read = await readJsonBody(pieces(bytes.subarray(0, cut), bytes.subarray(cut)));
    expect(read).toEqual({ prompt: '把图片变成 👩‍👩‍👧' });
  }
});

it.each([
  ['what is no UTF-8', Buffer.of(0x22, 0xc3, 0x28, 0x22)],
  ['half a character at its end', Buffer.of(0x22, 0x61, 0x22, 0xe6)],
  ['nothing', Buffer.alloc(0)],
  ['rubbish', Buffer.from('{]')],
])('%s is malformed', async (_, bytes) => {
  await expect(readJsonBody(pieces(bytes))).rejects.toMatchObject({ code: 'request_malformed' });
});

it('millions of members are not parsed', () => {
  for (const text of [`[${'1,'.repeat(5_000_000)}1]`, '['.repeat(5_000_000), `[${'{},'.repeat(2_000_000)}{}]`])
    expect(() => parseJson(text)).toThrowError(/too many members/);
});

it('__proto__ is refused wherever it stands, and changes nothing', () => {
  for (const text of ['{"__proto__":{"polluted":1}}', '[{"a":{"\\u005f_proto__":1}}]'])
    expect(() => parseJson(text)).toThrowError(expect.objectContaining({ code: 'invalid_parameter' }));
  expect('polluted' in {}).toBe(false);
});
