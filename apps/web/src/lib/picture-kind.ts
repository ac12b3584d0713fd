import { PICTURE_FORMATS, type PictureFormat } from '@qwen-edit/contract';

/** Formats that the page recognises: what the service takes, and HEIC, of which a browser may make a JPEG. */
export type PictureKind = PictureFormat | 'heic';

/** Lengths of the headers that BMP has had. */
const BMP_HEADERS: ReadonlySet<number> = new Set([12, 40, 52, 56, 108, 124]);

/** How many bytes pictureKindOf needs. */
export const HEAD_BYTES = 32;

/**
 * The format that a file's first bytes tell, whatever its name says; undefined for anything but a picture.
 * Source: ISO/IEC 14496-12 (the `ftyp` box) for AVIF and HEIC; the Windows SDK for BMP.
 */
export function pictureKindOf(head: Uint8Array): PictureKind | undefined {
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return 'jpeg';
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(text(0, 6))) return 'gif';
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff';
  // Many texts begin with BM; after it comes the length of a header.
  if (text(0, 2) === 'BM' && BMP_HEADERS.has(head[14] ?? 0) && text(15, 18) === '\0\0\0') return 'bmp';
  if (text(4, 8) !== 'ftyp') return undefined;
  const brands = text(8, HEAD_BYTES);
  if (/avi[fs]/.test(brands)) return 'avif';
  return /hei[cxms]|hev[cxms]|mif1|msf1/.test(brands) ? 'heic' : undefined;
}

/** True for a format that the service takes. */
export const isAccepted = (kind: PictureKind): kind is PictureFormat => kind !== 'heic';

/** For `<input accept>`. It leaves HEIC out, so that iOS turns its photos into JPEG by itself. */
export const ACCEPT = Object.values(PICTURE_FORMATS)
  .map(({ mediaType }) => mediaType)
  .join(',');
