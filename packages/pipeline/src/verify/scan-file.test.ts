import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type ScanJob, type ScanResult, scanFile } from './scan-file.ts';

async function scan(bytes: Uint8Array, spans: ScanJob['spans'], hash = false): Promise<ScanResult> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file');
  await writeFile(path, bytes);
  return scanFile({ path, hash, spans }, () => undefined);
}

/** 16-bit words as they lie in a file. */
const words = (values: readonly number[]): Buffer => Buffer.from(Uint16Array.from(values).buffer);
const whole = (bytes: Uint8Array, dtype: 'F32' | 'F16' | 'BF16', offset = 0) => [
  { offset, byteLength: bytes.length - offset, dtype },
];

it.each<['BF16' | 'F16', number[], number[]]>([
  ['BF16', [0x7f80, 0xff80, 0x7fc0, 0xffff, 0x7f81], [0x0000, 0x8000, 0x7f7f, 0xff7f, 0x0001, 0x807f, 0x3f80]],
  ['F16', [0x7c00, 0xfc00, 0x7e00, 0xffff, 0x7c01], [0x0000, 0x8000, 0x7bff, 0xfbff, 0x0001, 0x83ff, 0x3c00]],
])(
  'of %s, NaN and infinities are found in either half of a word; zeros, denormals and the largest are not',
  async (dtype, bad, good) => {
    for (const lead of [0, 1]) {
      for (const value of bad) {
        const bytes = words([...Array<number>(lead).fill(0x3c00), ...good, value, ...good]);
        const { notFinite } = await scan(bytes, whole(bytes, dtype));
        expect(notFinite, value.toString(16)).toEqual([{ span: 0, count: 1, first: lead + good.length }]);
      }
      const bytes = words([...Array<number>(lead).fill(0x3c00), ...good, ...good]);
      expect((await scan(bytes, whole(bytes, dtype))).notFinite).toEqual([]);
    }
  },
);

it('of fp32, NaN and infinities are found, and a half that looks like one is not', async () => {
  const good = [0, -0, 1e-45, 3.4e38, -3.4e38, 1].map(Math.fround);
  const bytes = Buffer.from(
    Float32Array.from([...good, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]).buffer,
  );
  expect((await scan(bytes, whole(bytes, 'F32'))).notFinite).toEqual([{ span: 0, count: 3, first: good.length }]);
  const halves = Buffer.from(Uint32Array.from([0x3f807f80, 0x0000ffff, 0x12347fc0]).buffer);
  expect((await scan(halves, whole(halves, 'F32'))).notFinite).toEqual([]);
});

it.each([
  [1000, 9001],
  [4_194_000, 4_200_123],
  [4_194_304, 8_388_608],
  [8_000_001, 9_000_000],
])('a run of zeros from %d to %d is found to the byte, over the pieces that are read', async (begin, end) => {
  const bytes = Buffer.alloc(9_000_000, 0x3c);
  bytes.fill(0, begin, end);
  for (const cut of [4_196_000, 2_000_002]) {
    const spans = [
      { offset: 0, byteLength: cut, dtype: 'BF16' as const },
      { offset: cut, byteLength: bytes.length - cut, dtype: 'F32' as const },
    ];
    expect((await scan(bytes, spans)).runs).toEqual([{ begin, end }]);
  }
});

it('the digest is that of the whole file, whatever belongs to a tensor', async () => {
  const bytes = Buffer.alloc(5_000_003, 0x3c);
  const { sha256, runs } = await scan(bytes, [{ offset: 101, byteLength: 4_800_000, dtype: 'F16' }], true);
  expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(runs).toEqual([]);
});
