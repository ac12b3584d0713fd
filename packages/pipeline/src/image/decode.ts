import { AppError } from '@qwen-edit/contract';
import sharp, { type Metadata, type Sharp } from 'sharp';
import type { Pixels } from './resample.ts';

/** Pictures with more pixels are refused before they are decoded. */
const MAX_INPUT_PIXELS = 100_000_000;

/**
 * libvips' readers of the formats that we take. Readers of vector pictures and documents stay off: they would parse a file
 * before we can refuse it. This setting holds for the whole process.
 */
const READERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((name) => `VipsForeignLoad${name}`);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: READERS });

/** An uploaded picture of which the header is read. */
interface OpenImage {
  readonly facts: Metadata;
  /** Decodes to 8-bit sRGB: alpha composited on white, ICC profiles, CMYK and 16 bits converted; not yet oriented. */
  readonly picture: Sharp;
  /** Makes the AppError `image_invalid` for a failure to decode. */
  readonly damaged: (cause: unknown) => AppError;
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

/** Reads a picture's header; of several pages or frames only the first is used. Throws AppError `image_invalid` or `image_too_large`. */
export async function openImage(bytes: Uint8Array, label: string): Promise<OpenImage> {
  const invalid = (what: string, cause?: unknown): AppError =>
    new AppError('image_invalid', `${label} ${what}.`, { cause });
  const heic = (cause: unknown): AppError =>
    new AppError('image_invalid', `${label} ${HEIC.what}.`, { cause, hint: HEIC.hint });
  if (bytes.length === 0) throw invalid('is empty');
  const options = { limitInputPixels: false, failOn: 'error', animated: false } as const;
  const facts = await sharp(bytes, options)
    .metadata()
    .catch((cause: unknown) => {
      throw namesHeic(bytes) ? heic(cause) : invalid('is not a picture that can be read', cause);
    });
  if (facts.width * facts.height > MAX_INPUT_PIXELS) {
    throw new AppError(
      'image_too_large',
      `${label} has ${facts.width} × ${facts.height} pixels; the limit is ${MAX_INPUT_PIXELS}.`,
    );
  }
  const picture = sharp(bytes, { ...options, limitInputPixels: MAX_INPUT_PIXELS });
  // With a profile, sharp works on 16 bits in Display P3 and then hands P3 out as if it were sRGB.
  if (facts.space === 'rgb16') picture.pipelineColourspace('srgb');
  return {
    facts,
    picture: picture.toColourspace('srgb').flatten({ background: '#ffffff' }),
    damaged(cause) {
      const message = cause instanceof Error ? cause.message : '';
      // The libvips that comes with sharp cannot decode HEVC, because of patents; one of the system may.
      if (facts.compression === 'hevc' && /not been built in|unsupported/i.test(message)) return heic(cause);
      const reason = message.split('\n')[0];
      return invalid(`is damaged or cut off (${reason})`, cause);
    },
  };
}

/**
 * Decodes an uploaded picture to 8-bit sRGB as a person sees it, EXIF orientation applied.
 * Throws AppError `image_invalid` or `image_too_large`.
 */
export async function decodeImage(bytes: Uint8Array, label: string): Promise<Pixels> {
  const { picture, damaged } = await openImage(bytes, label);
  try {
    const { data, info } = await picture.autoOrient().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: asRgb(data, info.channels) };
  } catch (cause) {
    throw damaged(cause);
  }
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
