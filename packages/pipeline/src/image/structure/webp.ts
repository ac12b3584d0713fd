import { type ReadStructure, startsWith } from './structure.ts';

const MAX_CHUNKS = 10_000;

/** Source: the WebP container specification, and RFC 9649 for the two bit streams. */
export const readWebp: ReadStructure = (file) => {
  if (!startsWith(file, 'RIFF') || !startsWith(file, 'WEBP', 8)) return undefined;
  const size = sizeOf(file);
  return size === undefined ? undefined : { format: 'webp', ...size, bytesPerPixel: 4, excess: excessOf(file) };
};

function sizeOf(file: Buffer) {
  if (startsWith(file, 'VP8X', 12)) return { width: 1 + file.readUIntLE(24, 3), height: 1 + file.readUIntLE(27, 3) };
  if (startsWith(file, 'VP8L', 12)) {
    const bits = file.readUInt32LE(21);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (startsWith(file, 'VP8 ', 12)) {
    return { width: file.readUInt16LE(26) & 0x3fff, height: file.readUInt16LE(28) & 0x3fff };
  }
  return undefined;
}

function excessOf(file: Buffer): string | undefined {
  let chunks = 0;
  for (let at = 12; at + 8 <= file.length; ) {
    if (++chunks > MAX_CHUNKS) return `it has more than ${MAX_CHUNKS} frames and chunks`;
    const length = file.readUInt32LE(at + 4);
    at += 8 + length + (length & 1);
  }
  return undefined;
}
