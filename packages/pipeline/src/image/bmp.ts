import { setImmediate } from 'node:timers/promises';
import { type BmpLayout, readBmpLayout } from './structure/bmp.ts';

/** Raw pixels, as sharp takes them. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

/** Between so many pixels other work of the process has its turn. */
const PIXELS_AT_ONCE = 1_000_000;

/**
 * Decodes a BMP without compression: libvips has no reader of BMP that we would let see a stranger's file. Undefined for another
 * kind of BMP, or if pixels are missing at the end.
 */
export async function decodeBmp(file: Buffer): Promise<RawPicture | undefined> {
  const layout = readBmpLayout(file);
  if (layout === undefined) return undefined;
  const { width, height, bits, stride, topDown, pixelsAt, masks } = layout;
  const rowBytes = Math.ceil((width * bits) / 8);
  if (pixelsAt + stride * (height - 1) + rowBytes > file.length) return undefined;
  const channels = masks[3] === 0 ? 3 : 4;
  const data = new Uint8Array(width * height * channels);
  const readRow = rowReader(layout);
  const rowsAtOnce = Math.max(1, Math.floor(PIXELS_AT_ONCE / width));
  for (let y = 0; y < height; y++) {
    if (y % rowsAtOnce === 0) await setImmediate();
    const start = pixelsAt + stride * (topDown ? y : height - 1 - y);
    readRow(file.subarray(start, start + rowBytes), data.subarray(y * width * channels, (y + 1) * width * channels));
  }
  return { width, height, channels, data };
}

type ReadRow = (row: Buffer, out: Uint8Array) => void;

function rowReader(layout: BmpLayout): ReadRow {
  switch (layout.bits) {
    case 24:
      return (row, out) => {
        for (let at = 0; at < out.length; at += 3) {
          out[at] = row[at + 2]!;
          out[at + 1] = row[at + 1]!;
          out[at + 2] = row[at]!;
        }
      };
    case 16:
    case 32:
      return maskedReader(layout);
    default:
      return paletteReader(layout);
  }
}

function maskedReader({ bits, masks, width }: BmpLayout): ReadRow {
  const bytes = bits / 8;
  const fields = (masks[3] === 0 ? masks.slice(0, 3) : masks).map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, most: Math.max(1, mask >>> shift) };
  });
  return (row, out) => {
    for (let x = 0, to = 0; x < width; x++) {
      const pixel = bytes === 2 ? row.readUInt16LE(2 * x) : row.readUInt32LE(4 * x);
      for (const { mask, shift, most } of fields) out[to++] = Math.round((((pixel & mask) >>> shift) * 255) / most);
    }
  };
}

function paletteReader({ bits, palette, colourBytes, width }: BmpLayout): ReadRow {
  const perByte = 8 / bits;
  return (row, out) => {
    for (let x = 0; x < width; x++) {
      const byte = row[Math.floor(x / perByte)]!;
      const index = (byte >> (8 - bits * ((x % perByte) + 1))) & ((1 << bits) - 1);
      // A colour that the palette lacks is black, as browsers have it.
      for (let c = 0; c < 3; c++) out[3 * x + c] = palette[index * colourBytes + 2 - c] ?? 0;
    }
  };
}
