import { type ReadStructure, startsWith } from './structure.ts';

const SIGNATURE = '\x89PNG\r\n\x1a\n';
const TEXTS = new Set(['tEXt', 'zTXt', 'iTXt']);
/** libpng reads all chunks before and after the pixels, and unpacks each text to 8 MB at most. */
const MAX = { texts: 200, textBytes: 16_000_000, packedBytes: 500_000, others: 1000, chunks: 1_000_000 };

/** Source: the PNG specification, sections 5.3 and 11. */
export const readPng: ReadStructure = (file) => {
  if (!startsWith(file, SIGNATURE) || !startsWith(file, 'IHDR', 12)) return undefined;
  const deep = file[24] === 16;
  const interlaced = file[28] === 1;
  return {
    format: 'png',
    width: file.readUInt32BE(16),
    height: file.readUInt32BE(20),
    // Without interlacing it is decoded row by row.
    bytesPerPixel: interlaced ? (deep ? 8 : 4) : 1,
    excess: excessOf(file),
  };
};

function excessOf(file: Buffer): string | undefined {
  const count = { texts: 0, textBytes: 0, packedBytes: 0, others: 0, chunks: 0 };
  for (let at = 8; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    count.chunks++;
    if (TEXTS.has(type)) {
      count.texts++;
      count.textBytes += length;
    } else if (type !== 'IDAT') count.others++;
    // An iTXt is packed if the first byte after its keyword is 1; as the keyword is short, any early 1 is taken for it.
    const packed =
      type === 'zTXt' || (type === 'iTXt' && file.subarray(at + 8, at + 8 + Math.min(length, 90)).includes(1));
    if (packed) count.packedBytes += length;
    if (count.texts > MAX.texts || count.textBytes > MAX.textBytes || count.packedBytes > MAX.packedBytes)
      return 'it has too much text beside its pixels';
    if (count.others > MAX.others || count.chunks > MAX.chunks) return 'it has too many chunks';
    at += 12 + length;
  }
  return undefined;
}
