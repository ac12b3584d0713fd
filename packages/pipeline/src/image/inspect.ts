import { AppError, type Size } from '@qwen-edit/contract';
import { readAvif } from './structure/avif.ts';
import { readBmp } from './structure/bmp.ts';
import { readGif } from './structure/gif.ts';
import { endsAfterScan, readJpeg } from './structure/jpeg.ts';
import { readPng } from './structure/png.ts';
import type { Structure } from './structure/structure.ts';
import { readTiff } from './structure/tiff.ts';
import { readWebp } from './structure/webp.ts';

/** What decoding a picture may take. */
export interface DecodeLimits {
  readonly maxPixels: number;
  /** Time for the decoder, which is ended between two of its steps. It is a last resort: the other limits hold on any machine. */
  readonly maxSeconds: number;
}

/**
 * The most that any service accepts, whatever its settings: so a worker takes each picture that an API has let in, and a
 * thumbnail can be made of each picture that is stored.
 */
export const DECODE_CEILING: DecodeLimits = { maxPixels: 100_000_000, maxSeconds: 120 };

const READERS = [readJpeg, readPng, readWebp, readGif, readTiff, readAvif, readBmp];
/** A header with less memory than this for its decoder is none. */
const LEAST_BYTES = 1_000_000;

/** What the outline of a picture tells those who let it in. */
export interface Inspection {
  /** Memory that decoding takes at most. */
  readonly decodeBytes: number;
  /** The contract version whose workers can read it. */
  readonly needsVersion: number;
}

/** Version 2 reads BMP, and JPEGs without their end marker. */
const NEEDED = { first: 1, second: 2 } as const;

/**
 * Looks at the outline of a picture's file before any decoder sees it, in time that the file's length bounds. Throws AppError
 * `image_too_complex` for what would take a decoder long whatever its size: many scans, pages, frames, chunks or texts. Of a
 * file that is no picture it knows nothing. Whether there are too many pixels is said where the header is read, as only then
 * it is sure that the file is a picture.
 */
export function inspectImage(
  bytes: Uint8Array,
  label: string,
  { maxPixels }: Pick<DecodeLimits, 'maxPixels'>,
): Inspection {
  const structure = structureOf(bytes);
  if (structure === undefined) return { decodeBytes: LEAST_BYTES, needsVersion: NEEDED.first };
  const { format, width, height, bytesPerPixel, excess } = structure;
  if (excess !== undefined) throw tooComplex(label, excess);
  const isNew = format === 'bmp' || (format === 'jpeg' && !endsAfterScan(asBuffer(bytes)));
  return {
    decodeBytes: Math.max(LEAST_BYTES, Math.min(width * height, maxPixels) * bytesPerPixel),
    needsVersion: isNew ? NEEDED.second : NEEDED.first,
  };
}

/** The size that a picture's header tells, as it is stored; undefined for a file of no known format. */
export function storedSize(bytes: Uint8Array): Size | undefined {
  const structure = structureOf(bytes);
  return structure === undefined ? undefined : { width: structure.width, height: structure.height };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function refuseTooManyPixels(
  { width, height }: { readonly width: number; readonly height: number },
  label: string,
  maxPixels: number,
): void {
  if (width * height <= maxPixels) return;
  throw new AppError('image_too_large', `${label} has ${width} × ${height} pixels; the limit is ${maxPixels}.`);
}

/** The error of a picture that would take a decoder too long. */
export function tooComplex(label: string, why: string, cause?: unknown): AppError {
  return new AppError('image_too_complex', `${label} would take too long to decode: ${why}.`, { cause });
}

/** The outline of a file; undefined if it is of no known format, or cut off within its header. */
export function structureOf(bytes: Uint8Array): Structure | undefined {
  const file = asBuffer(bytes);
  for (const read of READERS) {
    try {
      const structure = read(file);
      if (structure !== undefined) return structure;
    } catch (thrown) {
      // The file ends within its outline: the decoder says so better.
      if (!(thrown instanceof RangeError)) throw thrown;
    }
  }
  return undefined;
}
