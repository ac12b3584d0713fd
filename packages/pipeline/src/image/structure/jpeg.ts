import type { ReadStructure } from './structure.ts';

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
/** The work of a JPEG of several scans is that of its pixels, for each scan. Encoders make ten scans or so. */
const MAX = { scans: 100, scannedPixels: 1_000_000_000, markers: 20_000 };

const hasNoLength = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
/** SOF0 to SOF15, without DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

interface Segments {
  width: number;
  height: number;
  progressive: boolean;
  components: number;
  scans: number;
  markers: number;
  /** The first scan holds only some of the components. */
  split: boolean;
  ended: boolean;
  /** For each component: the place of the lowest bit that is known of each of its 64 coefficients. */
  readonly precision: Map<number, Uint8Array>;
}

const UNKNOWN = 255;

const isJpeg = (file: Buffer): boolean => file[0] === 0xff && file[1] === SOI && file[2] === 0xff;

export const readJpeg: ReadStructure = (file) => {
  if (!isJpeg(file)) return undefined;
  const { width, height, progressive, scans, split, markers } = readSegments(file);
  if (width === 0 || height === 0) return undefined;
  return {
    format: 'jpeg',
    width,
    height,
    // libjpeg keeps all coefficients if they come in several scans; else it decodes row by row.
    bytesPerPixel: progressive || split ? 6 : 1,
    excess:
      scans > MAX.scans || (scans > 1 && scans * width * height > MAX.scannedPixels)
        ? `it has ${scans} scans`
        : markers > MAX.markers
          ? 'it has too many segments'
          : undefined,
  };
};

/** False for a JPEG whose end marker is surely missing; found without a walk through its data, in which neither marker occurs. */
export const endsAfterScan = (file: Buffer): boolean =>
  file.lastIndexOf(Buffer.of(0xff, EOI)) > file.lastIndexOf(Buffer.of(0xff, SOS));

/** A JPEG without an end marker, with the marker. */
export interface MendedJpeg {
  readonly file: Buffer;
  /**
   * The same with other bits between its data and the marker. A decoder that reads them lacks data, and makes other pixels of
   * them than of `file`. Empty if all scans are read before the first pixel: the decoder then warns of what is missing.
   */
  readonly doubts: readonly Buffer[];
}

/**
 * Adds the end marker to a JPEG that lacks it; undefined for any other file, and for a progressive one of which scans are
 * missing.
 */
export function withEndMarker(file: Buffer): MendedJpeg | undefined {
  if (!isJpeg(file)) return undefined;
  try {
    const { ended, progressive, precision, components, scans, split } = readSegments(file, { all: true });
    if (ended || scans === 0) return undefined;
    const known = [...precision.values()].filter((bits) => bits.every((bit) => bit === 0)).length;
    if (progressive && known < components) return undefined;
    const end = Buffer.of(0xff, EOI);
    // Half of a marker, or of a stuffed byte, would make a marker of what follows.
    const data = file.at(-1) === 0xff ? file.subarray(0, -1) : file;
    const doubts = progressive || split ? [] : [0xaa, 0x55].map((byte) => Buffer.concat([data, otherBits(byte), end]));
    return { file: Buffer.concat([file, end]), doubts };
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** Bits for a scan that is cut off: within an interval between two restarts, or at the restart of any of the eight numbers. */
function otherBits(byte: number): Buffer {
  const bits = Buffer.alloc(256, byte);
  const restarts = Array.from({ length: 8 }, (_, n) => Buffer.concat([Buffer.of(0xff, 0xd0 + n), bits]));
  return Buffer.concat([bits, ...restarts]);
}

/** Walks through all segments. Source: ITU-T T.81, annex B. */
function readSegments(file: Buffer, { all = false } = {}): Segments {
  const found: Segments = {
    ...{ width: 0, height: 0, progressive: false, components: 0, scans: 0, markers: 0, split: false, ended: false },
    precision: new Map(),
  };
  for (let at = 2; at + 1 < file.length; ) {
    at = nextMarker(file, at);
    const marker = file[at + 1];
    if (marker === undefined) break;
    at += 2;
    if (marker === EOI) {
      found.ended = true;
      break;
    }
    if (hasNoLength(marker)) continue;
    found.markers++;
    const length = file.readUInt16BE(at);
    const segment = file.subarray(at + 2, at + length);
    if (isFrame(marker) && found.width === 0) readFrame(found, marker, segment);
    if (marker === SOS) {
      readScan(found, segment);
      // A single scan of all components needs no walk through its data: nothing counts after it.
      if (!all && !found.progressive && !found.split) break;
    }
    if (found.scans > MAX.scans || found.markers > MAX.markers) break;
    at += length;
  }
  return found;
}

/** The place of the next marker: 0xff, and then neither a stuffed zero nor fill, nor a restart within a scan. */
function nextMarker(file: Buffer, from: number): number {
  const last = file.length - 1;
  for (let at = from; at < last; at++) {
    if (file[at] !== 0xff) continue;
    const next = file[at + 1]!;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return file.length;
}

function readFrame(found: Segments, marker: number, segment: Buffer): void {
  found.progressive = (marker & 3) === 2;
  found.height = segment.readUInt16BE(1);
  found.width = segment.readUInt16BE(3);
  found.components = segment.readUInt8(5);
}

function readScan(found: Segments, segment: Buffer): void {
  const components = segment.readUInt8(0);
  found.scans++;
  if (components < found.components) found.split = true;
  if (!found.progressive) return;
  const [first, last, bits] = [segment[1 + 2 * components], segment[2 + 2 * components], segment[3 + 2 * components]];
  for (let i = 0; i < components; i++) {
    const id = segment.readUInt8(1 + 2 * i);
    const precision = found.precision.get(id) ?? new Uint8Array(64).fill(UNKNOWN);
    found.precision.set(id, precision.fill((bits ?? UNKNOWN) & 15, first ?? 0, Math.min(last ?? 0, 63) + 1));
  }
}
