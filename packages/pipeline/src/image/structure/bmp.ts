import { type ReadStructure, startsWith } from './structure.ts';

/** How the pixels of a BMP lie in its file. */
export interface BmpLayout {
  readonly width: number;
  readonly height: number;
  /** The first row is the top one. */
  readonly topDown: boolean;
  readonly bits: 1 | 4 | 8 | 16 | 24 | 32;
  /** Bits of red, green, blue and alpha in a pixel of 16 or 32 bits. */
  readonly masks: readonly [number, number, number, number];
  readonly pixelsAt: number;
  /** Bytes of a row, with those that fill it up. */
  readonly stride: number;
  readonly palette: Buffer;
  /** Bytes of a colour of the palette: blue, green, red, and perhaps one that is not used. */
  readonly colourBytes: 3 | 4;
}

const [PLAIN, BITFIELDS, ALPHA_BITFIELDS] = [0, 3, 6];
const DEPTHS = [1, 4, 8, 16, 24, 32] as const;
const RGB555 = [0x7c00, 0x3e0, 0x1f, 0] as const;
const RGB888 = [0xff0000, 0xff00, 0xff, 0] as const;

/** Source: BITMAPFILEHEADER, BITMAPCOREHEADER, BITMAPINFOHEADER and BITMAPV5HEADER of the Windows SDK. */
export function readBmpLayout(file: Buffer): BmpLayout | undefined {
  if (!startsWith(file, 'BM') || file.length < 26) return undefined;
  const headerBytes = file.readUInt32LE(14);
  const isCore = headerBytes === 12;
  if (!isCore && (headerBytes < 40 || headerBytes > 200)) return undefined;
  const width = isCore ? file.readUInt16LE(18) : file.readInt32LE(18);
  const rows = isCore ? file.readUInt16LE(20) : file.readInt32LE(22);
  const depth = file.readUInt16LE(isCore ? 24 : 28);
  const bits = DEPTHS.find((each) => each === depth);
  const compression = isCore ? PLAIN : file.readUInt32LE(30);
  const hasMasks = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  if (bits === undefined || width <= 0 || rows === 0 || (compression !== PLAIN && !hasMasks)) return undefined;
  if (hasMasks && bits !== 16 && bits !== 32) return undefined;
  const hasAlpha = hasMasks && (headerBytes >= 56 || compression === ALPHA_BITFIELDS);
  const mask = (n: number): number => file.readUInt32LE(54 + 4 * n);
  const pixelsAt = file.readUInt32LE(10);
  const paletteAt = 14 + headerBytes + (hasMasks && headerBytes === 40 ? (hasAlpha ? 16 : 12) : 0);
  const colourBytes = isCore ? 3 : 4;
  return {
    ...{ width, height: Math.abs(rows), topDown: rows < 0, bits, pixelsAt, colourBytes },
    masks: hasMasks ? [mask(0), mask(1), mask(2), hasAlpha ? mask(3) : 0] : bits === 16 ? RGB555 : RGB888,
    stride: 4 * Math.ceil((width * bits) / 32),
    palette: bits > 8 ? Buffer.alloc(0) : file.subarray(paletteAt, Math.min(pixelsAt, paletteAt + colourBytes * 256)),
  };
}

export const readBmp: ReadStructure = (file) => {
  const layout = readBmpLayout(file);
  return layout && { format: 'bmp', width: layout.width, height: layout.height, bytesPerPixel: 8 };
};
