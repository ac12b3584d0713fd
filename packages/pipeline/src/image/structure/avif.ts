import { type ReadStructure, startsWith } from './structure.ts';

/** A phone's picture of 48 megapixels has about a hundred tiles, each of them an item. */
const MAX = { boxes: 10_000, items: 1000 };
/** Boxes that are looked into, and the bytes of theirs that come before the boxes in them. */
const FOLDERS = new Map([
  ['meta', 4],
  ['iprp', 0],
  ['ipco', 0],
]);

/** Source: ISO/IEC 14496-12 and 23008-12. */
export const readAvif: ReadStructure = (file) => {
  if (!startsWith(file, 'ftyp', 4)) return undefined;
  const found = { width: 0, height: 0, boxes: 0, items: 0 };
  walk(file, 0, file.length, found);
  if (found.width === 0 || found.height === 0) return undefined;
  return {
    format: 'avif',
    width: found.width,
    height: found.height,
    // Planes of 16 bits, and the picture made of them.
    bytesPerPixel: 10,
    excess: found.items > MAX.items || found.boxes > MAX.boxes ? 'it is made of too many parts' : undefined,
  };
};

function walk(
  file: Buffer,
  from: number,
  to: number,
  found: { width: number; height: number; boxes: number; items: number },
): void {
  for (let at = from; at + 8 <= to; ) {
    if (++found.boxes > MAX.boxes) return;
    const declared = file.readUInt32BE(at);
    const long = declared === 1;
    const length = long ? Number(file.readBigUInt64BE(at + 8)) : declared === 0 ? to - at : declared;
    const type = file.toString('latin1', at + 4, at + 8);
    const content = at + (long ? 16 : 8);
    const end = Math.min(to, at + length);
    const skip = FOLDERS.get(type);
    if (skip !== undefined) walk(file, content + skip, end, found);
    // The largest of all sizes: that of the whole picture, as its tiles and thumbnails are smaller.
    if (type === 'ispe') {
      found.width = Math.max(found.width, file.readUInt32BE(content + 4));
      found.height = Math.max(found.height, file.readUInt32BE(content + 8));
    }
    if (type === 'iinf') {
      found.items = file[content] === 0 ? file.readUInt16BE(content + 4) : file.readUInt32BE(content + 4);
    }
    if (length < 8) return;
    at += length;
  }
}
