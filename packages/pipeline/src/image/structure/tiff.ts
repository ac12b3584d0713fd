import { type ReadStructure, startsWith } from './structure.ts';

const TAGS = { width: 256, height: 257, bits: 258, samples: 277, tileWidth: 322, tileHeight: 323 } as const;
/** libtiff reads every directory of the file to count them, and sorts the entries of each. */
const MAX = { directories: 500, entries: 1000, tilePixels: 100_000_000 };

/** How a number is written: in the byte order of the file, and in 64 bits in a BigTIFF. */
interface Numbers {
  u16(at: number): number;
  u32(at: number): number;
  /** An offset or a count. */
  word(at: number): number;
  readonly wordBytes: 4 | 8;
  /** Bytes of the number of entries. */
  readonly countBytes: 2 | 8;
}

/** Source: TIFF revision 6.0, section 2, and the BigTIFF design. */
export const readTiff: ReadStructure = (file) => {
  const little = startsWith(file, 'II');
  if (!little && !startsWith(file, 'MM')) return undefined;
  const u16 = (at: number): number => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const u32 = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const u64 = (at: number): number => Number(little ? file.readBigUInt64LE(at) : file.readBigUInt64BE(at));
  const version = u16(2);
  if (version !== 42 && version !== 43) return undefined;
  const numbers: Numbers =
    version === 42
      ? { u16, u32, word: u32, wordBytes: 4, countBytes: 2 }
      : { u16, u32, word: u64, wordBytes: 8, countBytes: 8 };
  const first = numbers.word(version === 42 ? 4 : 8);
  const tags = readDirectory(numbers, first);
  const { width, height, bits = 1, samples = 1, tileWidth = 0, tileHeight = 0 } = tags;
  if (width === undefined || height === undefined) return undefined;
  const sampleBytes = Math.max(1, Math.ceil(bits / 8));
  return {
    format: 'tiff',
    width,
    height,
    bytesPerPixel: Math.min(64, samples * sampleBytes),
    excess: tileWidth * tileHeight > MAX.tilePixels ? 'its tiles are too large' : excessOf(file.length, numbers, first),
  };
};

function readDirectory({ u16, u32, word, wordBytes, countBytes }: Numbers, at: number) {
  const found: Partial<Record<keyof typeof TAGS, number>> = {};
  const count = Math.min(countBytes === 2 ? u16(at) : word(at), MAX.entries);
  for (let i = 0; i < count; i++) {
    const entry = at + countBytes + i * (4 + 2 * wordBytes);
    const tag = u16(entry);
    const name = namesOfTags.get(tag);
    if (name === undefined) continue;
    const value = entry + 4 + wordBytes;
    // Three or more SHORTs, as the bits of each sample, lie elsewhere.
    const isShort = u16(entry + 2) === 3;
    const place = isShort && word(entry + 4) * 2 > wordBytes ? word(value) : value;
    found[name] = isShort ? u16(place) : u32(place);
  }
  return found;
}

const namesOfTags = new Map<number, keyof typeof TAGS>([
  [TAGS.width, 'width'],
  [TAGS.height, 'height'],
  [TAGS.bits, 'bits'],
  [TAGS.samples, 'samples'],
  [TAGS.tileWidth, 'tileWidth'],
  [TAGS.tileHeight, 'tileHeight'],
]);

function excessOf(length: number, { u16, word, wordBytes, countBytes }: Numbers, first: number): string | undefined {
  let at = first;
  for (let directories = 1; at !== 0; directories++) {
    if (directories > MAX.directories) return `it has more than ${MAX.directories} pages`;
    const entries = countBytes === 2 ? u16(at) : word(at);
    if (entries > MAX.entries) return 'a directory of it has too many entries';
    const next = at + countBytes + entries * (4 + 2 * wordBytes);
    // Where the chain leads out of the file, libtiff ends it too.
    if (next + wordBytes > length) return undefined;
    at = word(next);
    if (at + countBytes > length) return undefined;
  }
  return undefined;
}
