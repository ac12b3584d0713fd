import { describe, expect, it } from 'vitest';
import { createProtoWriter } from './protobuf.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('bytes are those of the encoding guide', () => {
  it.each<[number | bigint, string]>([
    [0, '0800'],
    [1, '0801'],
    [127, '087f'],
    [128, '088001'],
    [150, '089601'],
    [2 ** 32, '088080808010'],
    [2n ** 63n - 1n, '08ffffffffffffffff7f'],
    [-1, '08ffffffffffffffffff01'],
    [-2, '08feffffffffffffffff01'],
  ])('field 1 = %s', (value, wanted) => {
    expect(hex(createProtoWriter().int(1, value).finish())).toBe(wanted);
  });

  it('texts count their bytes, not their characters', () => {
    expect(hex(createProtoWriter().string(2, 'testing').finish())).toBe('120774657374696e67');
    expect(hex(createProtoWriter().string(2, '变').finish())).toBe('1203e58f98');
    expect(hex(createProtoWriter().string(2, '').finish())).toBe('1200');
  });

  it('messages within messages, packed numbers and floats', () => {
    const inner = createProtoWriter().int(1, 150);
    expect(hex(createProtoWriter().message(3, inner).finish())).toBe('1a03089601');
    expect(hex(createProtoWriter().packedInts(6, [3, 270, 86942]).finish())).toBe('3206038e029ea705');
    expect(hex(createProtoWriter().packedFloats(1, [1, -2]).finish())).toBe('0a080000803f000000c0');
    expect(hex(createProtoWriter().float(2, 1).finish())).toBe('150000803f');
  });

  it('a field number above 15 takes two bytes', () => {
    expect(hex(createProtoWriter().int(20, 7).finish())).toBe('a00107');
  });

  it('a long text has a long length', () => {
    const bytes = createProtoWriter().bytes(1, new Uint8Array(300)).finish();
    expect(hex(bytes.subarray(0, 3))).toBe('0aac02');
    expect(bytes).toHaveLength(303);
  });
});
