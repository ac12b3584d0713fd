import { expect, it } from 'vitest';
import { decodeImage } from './decode.ts';
import { makeThumbnail } from './thumbnail.ts';
import { validateImage } from './validate-image.ts';

interface Bmp {
  readonly bits: number;
  readonly rows: readonly (readonly number[])[];
  readonly palette?: readonly number[];
  readonly compression?: number;
  readonly masks?: readonly number[];
  readonly headerBytes?: number;
  readonly height?: number;
}

/** A BMP of 3 × 2 pixels whose rows are given as they lie in the file. */
function bmp({ bits, rows, palette = [], compression = 0, masks = [], headerBytes = 40, height = 2 }: Bmp): Buffer {
  const header = Buffer.alloc(14 + headerBytes);
  const after = Buffer.concat([
    headerBytes === 40 ? Buffer.from(new Uint32Array(masks).buffer) : Buffer.alloc(0),
    Buffer.from(palette),
  ]);
  header.write('BM');
  header.writeUInt32LE(header.length + after.length, 10);
  header.writeUInt32LE(headerBytes, 14);
  if (headerBytes === 12) {
    header.writeUInt16LE(3, 18);
    header.writeUInt16LE(height, 20);
    header.writeUInt16LE(bits, 24);
  } else {
    header.writeInt32LE(3, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt16LE(bits, 28);
    header.writeUInt32LE(compression, 30);
    if (headerBytes > 40) for (const [n, mask] of masks.entries()) header.writeUInt32LE(mask, 54 + 4 * n);
  }
  const filled = rows.map((row) => Buffer.concat([Buffer.from(row)], 4 * Math.ceil(row.length / 4)));
  return Buffer.concat([header, after, ...filled]);
}

const [R, G, B, W, K, Y] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
  [0, 0, 0],
  [255, 255, 0],
] as const;
const wanted = [R, G, B, W, K, Y].flat();
const bgr = (...colours: (readonly number[])[]): number[] => colours.flatMap(([r, g, b]) => [b!, g!, r!]);
const bgrx = (...colours: (readonly number[])[]): number[] => colours.flatMap(([r, g, b]) => [b!, g!, r!, 0]);
const words = (...values: number[]): number[] => values.flatMap((value) => [value & 255, value >> 8]);
const palette = bgrx(R, G, B, W, K, Y);

const KINDS: Record<string, Bmp> = {
  '24 bits': { bits: 24, rows: [bgr(W, K, Y), bgr(R, G, B)] },
  '24 bits, top row first': { bits: 24, height: -2, rows: [bgr(R, G, B), bgr(W, K, Y)] },
  '24 bits of OS/2': { bits: 24, headerBytes: 12, rows: [bgr(W, K, Y), bgr(R, G, B)] },
  '32 bits, of which the last eight are nothing': { bits: 32, rows: [bgrx(W, K, Y), bgrx(R, G, B)] },
  '8 bits': {
    bits: 8,
    palette,
    rows: [
      [3, 4, 5],
      [0, 1, 2],
    ],
  },
  '8 bits of OS/2': {
    bits: 8,
    headerBytes: 12,
    palette: bgr(R, G, B, W, K, Y),
    rows: [
      [3, 4, 5],
      [0, 1, 2],
    ],
  },
  '4 bits': {
    bits: 4,
    palette,
    rows: [
      [0x34, 0x50],
      [0x01, 0x20],
    ],
  },
  '16 bits, five for each colour': { bits: 16, rows: [words(0x7fff, 0, 0x7fe0), words(0x7c00, 0x3e0, 0x1f)] },
  '16 bits by masks': {
    ...{ bits: 16, compression: 3, masks: [0xf800, 0x7e0, 0x1f] },
    rows: [words(0xffff, 0, 0xffe0), words(0xf800, 0x7e0, 0x1f)],
  },
  '32 bits by masks, in another order': {
    ...{ bits: 32, compression: 3, masks: [0xff, 0xff00, 0xff0000] },
    rows: [[W, K, Y].flatMap((c) => [...c, 9]), [R, G, B].flatMap((c) => [...c, 9])],
  },
  'with alpha, which is composited on white': {
    ...{ bits: 32, headerBytes: 124, compression: 3, masks: [0xff0000, 0xff00, 0xff, 0xff000000] },
    rows: [[9, 9, 9, 0, 0, 0, 0, 255, 0, 255, 255, 255], [R, G, B].flatMap((c) => [...bgr(c), 255])],
  },
};

it.each(Object.entries(KINDS))('a BMP of %s is read to the pixel', async (_, kind) => {
  const file = bmp(kind);
  expect(await decodeImage(file, 'It')).toEqual({ width: 3, height: 2, data: Uint8Array.from(wanted) });
  expect(await validateImage(file, 'It')).toEqual({ width: 3, height: 2, mediaType: 'image/bmp' });
  expect((await makeThumbnail(file, 'It')).length).toBeGreaterThan(0);
});

it('a BMP of one bit', async () => {
  const file = bmp({ bits: 1, palette: bgrx(K, W), rows: [[0b01000000], [0b10100000]] });
  expect((await decodeImage(file, 'It')).data).toEqual(Uint8Array.from([W, K, W, K, W, K].flat()));
});

it('a BMP that is cut off, compressed, or makes no sense is refused', async () => {
  const file = bmp(KINDS['24 bits']!);
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(file);
    copy.writeInt32LE(value, at);
    return copy;
  };
  const refused: [string, Buffer, string][] = [
    ['cut off', file.subarray(0, -4), 'image_invalid'],
    ['its header only', file.subarray(0, 40), 'image_invalid'],
    ['compressed', changed(30, 1), 'image_invalid'],
    ['no width', changed(18, 0), 'image_invalid'],
    ['a width below zero', changed(18, -3), 'image_invalid'],
    ['a height that no number has', changed(22, -2_147_483_648), 'image_too_large'],
    ['pixels beyond the end', changed(10, 2_147_483_647), 'image_invalid'],
    ['many pixels', changed(18, 2_000_000_000), 'image_too_large'],
  ];
  for (const [what, bytes, code] of refused) {
    await expect(decodeImage(bytes, 'It'), what).rejects.toMatchObject({ code });
    await expect(validateImage(bytes, 'It'), what).rejects.toMatchObject({ code });
  }
});
