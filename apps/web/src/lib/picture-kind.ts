export const PICTURE_KINDS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif', 'heic'] as const;
export type PictureKind = (typeof PICTURE_KINDS)[number];

/** Bytes that pictureKindOf wants to see. */
export const HEAD_BYTES = 32;

/**
 * The format that a file's first bytes tell, whatever its name says; undefined for anything but a picture.
 * Source: ISO/IEC 14496-12 (the `ftyp` box) for AVIF and HEIC.
 */
export function pictureKindOf(head: Uint8Array): PictureKind | undefined {
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return 'jpeg';
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(text(0, 6))) return 'gif';
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff';
  if (text(4, 8) !== 'ftyp') return undefined;
  const brands = text(8, HEAD_BYTES);
  if (/avi[fs]/.test(brands)) return 'avif';
  return /hei[cxms]|hev[cxms]|mif1|msf1/.test(brands) ? 'heic' : undefined;
}

/** The service takes these; of the others a browser may make a JPEG. */
export const isAccepted = (kind: PictureKind): boolean => kind !== 'heic';

/** For `<input accept>`. Without HEIC in it, iOS turns its photos into JPEG by itself. */
export const ACCEPT = 'image/jpeg,image/png,image/webp,image/gif,image/tiff,image/avif';
