import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type Frame, readFrames, writeFrame } from './framing.ts';

/** The bytes of some frames, as they are sent. */
async function bytesOf(...frames: Frame[]): Promise<Buffer> {
  const stream = new PassThrough();
  for (const { header, parts } of frames) writeFrame(stream, header, parts);
  stream.end();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

/** What a reader reports for these chunks. */
async function read(chunks: Iterable<Buffer>, maxPartBytes?: number): Promise<{ frames: Frame[]; garbage: string[] }> {
  const frames: Frame[] = [];
  const garbage: string[] = [];
  const stream = Duplex.from(chunks);
  readFrames(stream, { onFrame: (frame) => frames.push(frame), onGarbage: (what) => garbage.push(what) }, maxPartBytes);
  await once(stream, 'end');
  return { frames, garbage };
}

const FRAMES: Frame[] = [
  { header: { type: 'a', text: 'ü 变 🙂 \ud800' }, parts: [] },
  { header: null, parts: [new Uint8Array()] },
  { header: [1, 2], parts: [Uint8Array.of(1, 2, 3), new Uint8Array(), new Uint8Array(5000).fill(7)] },
  { header: 'last', parts: [Uint8Array.of(255)] },
];

describe('frames are read as they were written', () => {
  it('byte by byte', async () => {
    const bytes = await bytesOf(...FRAMES);
    expect(await read(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual({ frames: FRAMES, garbage: [] });
  });

  it('all in one chunk', async () => {
    expect(await read([await bytesOf(...FRAMES)])).toEqual({ frames: FRAMES, garbage: [] });
  });

  it.each([2, 7, 11, 12, 13, 20, 64, 4096])('in chunks of %d bytes', async (size) => {
    const bytes = await bytesOf(...FRAMES);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    expect(await read(chunks)).toEqual({ frames: FRAMES, garbage: [] });
  });

  it('as many parts as a frame may have', async () => {
    const frame = { header: {}, parts: Array.from({ length: 1024 }, (_, i) => Uint8Array.of(i)) };
    expect((await read([await bytesOf(frame)])).frames).toEqual([frame]);
  });

  it('each part is an array of its own, aligned for numbers of any type', async () => {
    const floats = Float32Array.of(1.5, -2);
    const frame = { header: 'x', parts: [Uint8Array.of(9), new Uint8Array(floats.buffer)] };
    const { frames } = await read([await bytesOf(frame)]);
    const part = frames[0]!.parts[1]!;
    expect(Buffer.isBuffer(part)).toBe(false);
    expect(part.byteOffset).toBe(0);
    expect(new Float32Array(part.buffer)).toEqual(floats);
  });
});

describe('bytes that are no frame are reported once, and nothing is read after them', () => {
  const prefix = (magic: string, header: number, parts: number): Buffer => {
    const bytes = Buffer.alloc(12);
    bytes.write(magic);
    bytes.writeUInt32BE(header, 4);
    bytes.writeUInt32BE(parts, 8);
    return bytes;
  };
  const length = (bytes: bigint): Buffer => {
    const out = Buffer.alloc(8);
    out.writeBigUInt64BE(bytes);
    return out;
  };
  it.each<[string, Buffer[], string]>([
    ['words', [Buffer.from('Segmentation fault')], 'no message'],
    ['a header of 17 MiB', [prefix('QEF1', 17 * 2 ** 20, 0)], 'impossible size'],
    ['1025 parts', [prefix('QEF1', 2, 1025)], 'impossible size'],
    ['a part of 2^64 - 1 bytes', [prefix('QEF1', 2, 1), length(2n ** 64n - 1n)], 'impossible size'],
    ['a part above the bound', [prefix('QEF1', 2, 1), length(1001n)], 'impossible size'],
    ['parts above the bound together', [prefix('QEF1', 2, 2), length(501n), length(500n)], 'impossible size'],
    ['a header that is not JSON', [prefix('QEF1', 2, 0), Buffer.from('{x')], 'not JSON'],
    ['no header', [prefix('QEF1', 0, 0)], 'not JSON'],
  ])('%s', async (_, chunks, says) => {
    const good = await bytesOf({ header: 'good', parts: [] });
    const { frames, garbage } = await read([good, ...chunks, good, good], 1000);
    expect(frames).toEqual([{ header: 'good', parts: [] }]);
    expect(garbage).toHaveLength(1);
    expect(garbage[0]).toContain(says);
  });

  it('a frame that is cut off is no frame', async () => {
    const bytes = await bytesOf(FRAMES[2]!);
    expect(await read([bytes.subarray(0, -1)])).toEqual({ frames: [], garbage: [] });
  });
});
