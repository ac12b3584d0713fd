import { type OutputFormat, roundHalfEven, type Size } from '@qwen-edit/contract';
import sharp, { type Sharp } from 'sharp';
import type { Planes } from '../arrays.ts';
import type { Pixels } from './resample.ts';

const QUALITY = 95;

function rawImage({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Encodes a picture as PNG (lossless), JPEG or WebP (quality 95). */
export async function encodeImage(image: Pixels, format: OutputFormat): Promise<Uint8Array> {
  const raw = rawImage(image);
  if (format === 'png') return raw.png({ compressionLevel: 6 }).toBuffer();
  if (format === 'webp') return raw.webp({ quality: QUALITY }).toBuffer();
  return raw.jpeg({ quality: QUALITY, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** Small, because a preview is seen for a few seconds and is sent with the events of its edit. */
const PREVIEW = { side: 256, quality: 70 } as const;

/** Encodes a preview as WebP (quality 70), at most 256 pixels on its longer side. */
export async function encodePreview(image: Pixels): Promise<Size & { readonly bytes: Uint8Array }> {
  const { side, quality } = PREVIEW;
  const { data, info } = await rawImage(image)
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .webp({ quality })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, bytes: data };
}

/** [3, H, W] in [-1, 1] -> 8 bits: clamped, x · 0.5 + 0.5, halves to even. Source: VaeImageProcessor.postprocess, numpy_to_pil. */
export function toPixels({ data: planes, width, height }: Planes): Pixels {
  const area = width * height;
  const data = new Uint8Array(area * 3);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < area; i++) {
      const unit = Math.fround(Math.fround(planes[c * area + i]! * 0.5) + 0.5);
      data[3 * i + c] = roundHalfEven(Math.fround(Math.min(Math.max(unit, 0), 1) * 255));
    }
  }
  return { width, height, data };
}
