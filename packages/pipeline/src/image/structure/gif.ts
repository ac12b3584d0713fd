import { type ReadStructure, startsWith } from './structure.ts';

/** All blocks are read to count the frames. A block of data has 255 bytes at most, and those of encoders have that many. */
const MAX = { frames: 5000, blocks: 1_500_000 };
const [IMAGE, EXTENSION] = [0x2c, 0x21];

/** Source: GIF89a, appendix B. */
export const readGif: ReadStructure = (file) => {
  if (!startsWith(file, 'GIF87a') && !startsWith(file, 'GIF89a')) return undefined;
  const [width, height] = [file.readUInt16LE(6), file.readUInt16LE(8)];
  return { format: 'gif', width, height, bytesPerPixel: 8, excess: excessOf(file) };
};

const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1));

function excessOf(file: Buffer): string | undefined {
  let [frames, blocks] = [0, 0];
  for (let at = 13 + tableBytes(file[10] ?? 0); at < file.length; ) {
    const kind = file[at];
    if (kind === IMAGE) {
      frames++;
      at += 11 + tableBytes(file[at + 9] ?? 0);
    } else if (kind === EXTENSION) at += 2;
    else return undefined;
    while (at < file.length && file[at] !== 0) {
      at += 1 + file[at]!;
      blocks++;
      if (blocks > MAX.blocks) return 'it has too many blocks';
    }
    at++;
    blocks++;
    if (frames > MAX.frames) return `it has more than ${MAX.frames} frames`;
    if (blocks > MAX.blocks) return 'it has too many blocks';
  }
  return undefined;
}
