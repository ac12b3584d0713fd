import { PICTURE_FORMATS, type Size, THUMBNAIL_MEDIA_TYPE } from '@qwen-edit/contract';
import type { FileFacts } from '../lib/check-files.ts';
import { HEAD_BYTES, pictureKindOf } from '../lib/picture-kind.ts';
import { fittedSize } from '../lib/view.ts';

export interface PictureFile extends FileFacts {
  readonly file: Blob;
  /** True for a HEIC file that this browser has turned into a JPEG. */
  readonly converted: boolean;
}

const JPEG_QUALITY = 0.95;
const THUMBNAIL_SIDE = 320;

/** Recognises a file by its first bytes. HEIC, which the service does not take, becomes a JPEG if this browser can read it. */
export async function readPictureFile(file: File): Promise<PictureFile> {
  const kind = pictureKindOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  const facts = { name: file.name, bytes: file.size, kind, file, converted: false };
  if (kind !== 'heic') return facts;
  const jpeg = await drawn(file, undefined, PICTURE_FORMATS.jpeg.mediaType);
  if (jpeg === undefined) return facts;
  const name = file.name.replace(/\.\w+$/, '.jpg');
  return { name, bytes: jpeg.size, kind: 'jpeg', file: jpeg, converted: true };
}

/** The size in pixels, orientation applied; undefined for a picture that this browser cannot show. */
export async function measure(url: string): Promise<Size | undefined> {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return undefined;
  }
  return image.naturalWidth === 0 ? undefined : { width: image.naturalWidth, height: image.naturalHeight };
}

/** A small copy, so that lists need not show whole photos. */
export function thumbnailOf(file: Blob, size: Size): Promise<Blob | undefined> {
  const side = { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE };
  const fitted = fittedSize(side, size);
  return fitted.width >= size.width
    ? Promise.resolve(file)
    : drawn(file, { width: Math.ceil(fitted.width), height: Math.ceil(fitted.height) }, THUMBNAIL_MEDIA_TYPE);
}

async function drawn(file: Blob, size: Size | undefined, type: string): Promise<Blob | undefined> {
  try {
    const resize =
      size === undefined
        ? {}
        : ({ resizeWidth: size.width, resizeHeight: size.height, resizeQuality: 'medium' } as const);
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image', ...resize });
    const canvas = document.createElement('canvas');
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { promise, resolve } = Promise.withResolvers<Blob | null>();
    canvas.toBlob(resolve, type, JPEG_QUALITY);
    return (await promise) ?? undefined;
  } catch {
    return undefined;
  }
}
