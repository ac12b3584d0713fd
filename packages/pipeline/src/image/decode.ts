import { AppError, PICTURE_FORMATS } from '@qwen-edit/contract';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { decodeBmp } from './bmp.ts';
import {
  DECODE_CEILING,
  type DecodeLimits,
  inspectImage,
  refuseTooManyPixels,
  structureOf,
  tooComplex,
} from './inspect.ts';
import type { Pixels } from './resample.ts';
import { type MendedJpeg, withEndMarker } from './structure/jpeg.ts';

/**
 * libvips' readers of the formats that we take. Readers of vector pictures and documents stay off: they would parse a file
 * before we can refuse it. This setting holds for the whole process.
 */
const READERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((name) => `VipsForeignLoad${name}`);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: READERS });

// libvips keeps its last operations. For a progressive JPEG that is the decoder with all coefficients, which its limit on memory
// does not count: hundreds of megabytes each, for as long as the process rests. No picture is read twice.
sharp.cache(false);

/** An uploaded picture of which the header is read. */
interface OpenImage {
  readonly facts: ImageHeader;
  /**
   * Decodes to 8-bit sRGB: alpha composited on white, ICC profiles, CMYK and 16 bits converted; not yet oriented. `finish` says
   * what becomes of it. Throws AppError `image_invalid` for a failure to decode, and `image_too_complex` after the time limit.
   */
  decode<T>(finish: (picture: Sharp) => Promise<T>): Promise<T>;
}

interface ImageHeader {
  readonly width: number;
  readonly height: number;
  /** Its size as a person sees it. */
  readonly upright: { readonly width: number; readonly height: number };
  readonly mediaType: string;
}

/** Containers of HEVC pictures, by their major brand. Source: ISO/IEC 23008-12, annex B. */
const HEIC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']);
const HEIC = {
  what: 'is a HEIC file, as phones take them, which cannot be read here',
  hint: 'Export it as JPEG and send that. An iPhone takes JPEGs with Settings > Camera > Formats > Most Compatible.',
} as const;

function namesHeic(bytes: Uint8Array): boolean {
  const box = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 12)).toString('latin1');
  return box.slice(4, 8) === 'ftyp' && HEIC_BRANDS.has(box.slice(8));
}

/** More than a row of blocks has, with any subsampling. */
const LAST_ROWS = 64;

const OPTIONS = { limitInputPixels: false, failOn: 'error', animated: false } as const;

/**
 * Looks at a picture's outline, and reads its header; of several pages or frames only the first is used. Throws AppError
 * `image_invalid`, `image_too_large` or `image_too_complex`.
 */
export async function openImage(bytes: Uint8Array, label: string, limits: DecodeLimits): Promise<OpenImage> {
  if (bytes.length === 0) throw invalid(label, 'is empty');
  inspectImage(bytes, label, limits);
  const { maxPixels, maxSeconds } = limits;
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const structure = structureOf(bytes);
  if (structure?.format === 'bmp') {
    refuseTooManyPixels(structure, label, maxPixels);
    return openBmp(file, label);
  }
  const facts = await sharp(bytes, OPTIONS)
    .metadata()
    .catch((cause: unknown) => {
      throw namesHeic(bytes) ? heic(label, cause) : invalid(label, 'is not a picture that can be read', cause);
    });
  refuseTooManyPixels(facts, label, maxPixels);

  const pictureOf = (content: Uint8Array, failOn: 'error' | 'warning'): Sharp => {
    const picture = sharp(content, { ...OPTIONS, failOn, limitInputPixels: maxPixels }).timeout({
      seconds: Math.ceil(maxSeconds),
    });
    // With a profile, sharp works on 16 bits in Display P3 and then hands P3 out as if it were sRGB.
    if (facts.space === 'rgb16') picture.pipelineColourspace('srgb');
    return onWhite(picture);
  };
  return {
    facts: { ...facts, upright: facts.autoOrient, mediaType: facts.mediaType ?? `image/${facts.format}` },
    async decode(finish) {
      try {
        return await finish(pictureOf(bytes, 'error'));
      } catch (cause) {
        if (isTimeout(cause)) throw tooComplex(label, `it took more than ${maxSeconds} s`, cause);
        // Browsers show a JPEG without its end marker.
        const mended = withEndMarker(file);
        if (mended === undefined || !(await isComplete(mended, facts))) throw damaged(label, facts, cause);
        return await finish(pictureOf(mended.file, 'warning')).catch(() => {
          throw damaged(label, facts, cause);
        });
      }
    },
  };
}

/**
 * True if a JPEG lacks nothing but its end marker: its last rows do not change with the bits that follow its data. libvips does
 * not tell, as it looks at the decoder's warnings before the last rows, and no more after them.
 */
async function isComplete({ file, doubts }: MendedJpeg, { width, height }: Metadata): Promise<boolean> {
  const rows = Math.min(LAST_ROWS, height);
  const lastRows = (content: Buffer): Promise<Buffer | undefined> =>
    sharp(content, { ...OPTIONS, failOn: 'none' })
      .extract({ left: 0, top: height - rows, width, height: rows })
      .raw()
      .toBuffer()
      .catch(() => undefined);
  const wanted = await lastRows(file);
  for (const doubt of doubts) {
    if (wanted === undefined || (await lastRows(doubt))?.equals(wanted) !== true) return false;
  }
  return true;
}

async function openBmp(file: Buffer, label: string): Promise<OpenImage> {
  const raw = await decodeBmp(file);
  if (raw === undefined) throw invalid(label, 'is a BMP that is cut off');
  const { width, height, channels, data } = raw;
  return {
    facts: { width, height, upright: { width, height }, mediaType: PICTURE_FORMATS.bmp.mediaType },
    decode: (finish) => finish(onWhite(sharp(data, { raw: { width, height, channels } }))),
  };
}

const onWhite = (picture: Sharp): Sharp => picture.toColourspace('srgb').flatten({ background: '#ffffff' });

const isTimeout = (cause: unknown): boolean => cause instanceof Error && /\btimeout:/.test(cause.message);

const invalid = (label: string, what: string, cause?: unknown): AppError =>
  new AppError('image_invalid', `${label} ${what}.`, { cause });
const heic = (label: string, cause: unknown): AppError =>
  new AppError('image_invalid', `${label} ${HEIC.what}.`, { cause, hint: HEIC.hint });

/** The error of a failure to decode. */
function damaged(label: string, { compression }: Pick<Metadata, 'compression'>, cause: unknown): AppError {
  const message = cause instanceof Error ? cause.message : '';
  // The libvips that comes with sharp cannot decode HEVC, because of patents; one of the system may.
  if (compression === 'hevc' && /not been built in|unsupported/i.test(message)) return heic(label, cause);
  const reason = message.split('\n')[0];
  return invalid(label, `is damaged or cut off (${reason})`, cause);
}

/**
 * Decodes an uploaded picture to 8-bit sRGB as a person sees it, EXIF orientation applied.
 * Throws AppError `image_invalid`, `image_too_large` or `image_too_complex`.
 */
export async function decodeImage(bytes: Uint8Array, label: string, limits = DECODE_CEILING): Promise<Pixels> {
  const { decode } = await openImage(bytes, label, limits);
  const { data, info } = await decode((picture) =>
    picture.autoOrient().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }),
  );
  return { width: info.width, height: info.height, data: asRgb(data, info.channels) };
}

function asRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const count = data.length / channels;
  const out = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = data[i * channels + (channels >= 3 ? c : 0)]!;
  }
  return out;
}
