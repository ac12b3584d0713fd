import { openImage } from './decode.ts';
import { DECODE_CEILING } from './inspect.ts';

/** Longest side of a thumbnail in pixels. */
const THUMBNAIL_SIDE = 320;
const QUALITY = 75;

/**
 * A small WebP of a valid picture: at most 320 pixels a side and never enlarged, upright, on white if it is transparent; of
 * an animation the first frame. If the format lets libvips read a smaller picture, the whole one is never in memory.
 * Throws AppError `image_invalid`, `image_too_large` or `image_too_complex`; messages begin with `label`.
 */
export async function makeThumbnail(bytes: Uint8Array, label = 'The picture'): Promise<Uint8Array> {
  const { decode } = await openImage(bytes, label, DECODE_CEILING);
  return decode((picture) =>
    picture
      .autoOrient()
      .resize({ width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: QUALITY })
      .toBuffer(),
  );
}
