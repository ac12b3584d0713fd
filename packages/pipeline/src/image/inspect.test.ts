import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from './decode.ts';
import { DECODE_CEILING, inspectImage, structureOf } from './inspect.ts';
import { makeThumbnail } from './thumbnail.ts';
import { validateImage } from './validate-image.ts';

const picture = (width = 60, height = 40): Sharp =>
  sharp({ create: { width, height, channels: 3, background: 'teal' } });

const u32 = (n: number): Buffer => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n]);
const box = (type: string, content: Buffer): Buffer =>
  Buffer.concat([u32(8 + content.length), Buffer.from(type, 'latin1'), content]);

/** A PNG with chunks before its pixels. Their checksums are wrong, which nobody looks at before they are counted. */
async function pngWith(chunks: readonly (readonly [string, Buffer])[]): Promise<Buffer> {
  const png = await picture().png().toBuffer();
  const written = chunks.map(([type, data]) =>
    Buffer.concat([u32(data.length), Buffer.from(type, 'latin1'), data, u32(0)]),
  );
  return Buffer.concat([png.subarray(0, 33), ...written, png.subarray(33)]);
}

/** A TIFF whose directory comes so many times. */
async function tiffOf(directories: number): Promise<Buffer> {
  const tiff = await picture().tiff({ compression: 'none' }).toBuffer();
  const first = tiff.readUInt32LE(4);
  const length = 2 + 12 * tiff.readUInt16LE(first) + 4;
  const parts = [tiff.length % 2 === 0 ? tiff : Buffer.concat([tiff, Buffer.of(0)])];
  const start = parts[0]!.length;
  for (let n = 1; n < directories; n++) {
    const copy = Buffer.from(tiff.subarray(first, first + length));
    copy.writeUInt32LE(n === directories - 1 ? 0 : start + n * length, length - 4);
    parts.push(copy);
  }
  if (directories > 1) parts[0]!.writeUInt32LE(start, first + length - 4);
  return Buffer.concat(parts);
}

/** A progressive JPEG whose scans come so many times in all, of a size that its header only claims. */
async function jpegOf(scans: number, width: number, height: number): Promise<Buffer> {
  const jpeg = await picture().jpeg({ progressive: true }).toBuffer();
  const frame = jpeg.indexOf(Buffer.of(0xff, 0xc2));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  const there = jpeg.toString('latin1').split('\xff\xda').length - 1;
  const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.of(0xff, 0xda)), -2);
  return Buffer.concat([jpeg.subarray(0, -2), ...Array<Buffer>(scans - there).fill(scan), jpeg.subarray(-2)]);
}

async function gifOf(frames: number): Promise<Buffer> {
  const gif = await picture().gif().toBuffer();
  const frame = Buffer.of(0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0);
  return Buffer.concat([gif.subarray(0, -1), ...Array<Buffer>(frames - 1).fill(frame), gif.subarray(-1)]);
}

async function webpWith(chunks: number): Promise<Buffer> {
  const webp = await picture().webp().toBuffer();
  const empty = Buffer.concat([Buffer.from('JUNK'), Buffer.alloc(4)]);
  return Buffer.concat([webp, ...Array<Buffer>(chunks).fill(empty)]);
}

function avifOf(items: number): Buffer {
  const size = box('ispe', Buffer.concat([u32(0), u32(60), u32(40)]));
  const count = box('iinf', Buffer.from([0, 0, 0, 0, items >> 8, items & 255]));
  const meta = box('meta', Buffer.concat([u32(0), count, box('iprp', box('ipco', size))]));
  return Buffer.concat([box('ftyp', Buffer.from('avif\0\0\0\0avifmif1')), meta]);
}

const text = Buffer.from('Comment\0text');
const packed = Buffer.concat([Buffer.from('Comment\0\0'), Buffer.alloc(600_000, 1)]);

describe('what would keep a decoder busy is refused by its outline, wherever it is decoded', () => {
  it.each<[string, Promise<Buffer> | Buffer]>([
    ['a PNG of many texts', pngWith(Array(201).fill(['tEXt', text]))],
    ['a PNG of packed texts', pngWith([['zTXt', packed]])],
    [
      'a PNG of packed international texts',
      pngWith([['iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\x01\0\0\0'), Buffer.alloc(600_000)])]]),
    ],
    ['a PNG of many chunks', pngWith(Array(1001).fill(['quIt', Buffer.alloc(0)]))],
    ['a TIFF of many directories', tiffOf(501)],
    ['a progressive JPEG of many scans', jpegOf(101, 60, 40)],
    ['a progressive JPEG of more scans than its size bears', jpegOf(21, 7000, 7000)],
    ['a GIF of many frames', gifOf(5001)],
    ['a WebP of many chunks', webpWith(10_000)],
    ['an AVIF of many items', avifOf(1001)],
  ])('%s', async (_, bytes) => {
    const file = await bytes;
    const wanted = {
      code: 'image_too_complex',
      message: expect.stringMatching(/^It would take too long to decode: .+\.$/),
    };
    expect(() => inspectImage(file, 'It', DECODE_CEILING)).toThrowError(expect.objectContaining(wanted));
    await expect(validateImage(file, 'It')).rejects.toMatchObject(wanted);
    await expect(decodeImage(file, 'It')).rejects.toMatchObject(wanted);
    await expect(makeThumbnail(file, 'It')).rejects.toMatchObject(wanted);
  });

  it('a few bytes that claim many pixels', async () => {
    // Lossless WebP of 16,383 × 5,860 pixels.
    const webp = Buffer.alloc(34);
    webp.write('RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f', 'latin1');
    webp.writeUInt32LE(16_382 | (5859 << 14), 21);
    const limits = { maxPixels: 50_000_000, maxSeconds: 20 };
    const wanted = { code: 'image_too_large', message: 'It has 16383 × 5860 pixels; the limit is 50000000.' };
    expect(inspectImage(webp, 'It', limits).decodeBytes, 'no more than it may have').toBe(200_000_000);
    await expect(validateImage(webp, 'It', {}, limits)).rejects.toMatchObject(wanted);
  });
});

it('pages, frames, scans, texts and chunks in the numbers that programs write are taken', async () => {
  const frames = { raw: { width: 8, height: 8 * 300, channels: 3 as const, pageHeight: 8 } };
  const animation = sharp(
    Uint8Array.from({ length: 8 * 8 * 300 * 3 }, (_, i) => (i * 31) % 256),
    frames,
  );
  const files: [string, Buffer][] = [
    [
      'image/png',
      await picture()
        .png()
        .withXmp(`<x>${'a'.repeat(100_000)}</x>`)
        .toBuffer(),
    ],
    ['image/tiff', await tiffOf(100)],
    ['image/jpeg', await picture().jpeg({ progressive: true }).withXmp('<x/>').toBuffer()],
    ['image/jpeg', await picture().jpeg({ mozjpeg: true }).toBuffer()],
    ['image/gif', await animation.clone().gif().toBuffer()],
    ['image/webp', await animation.clone().webp().toBuffer()],
  ];
  for (const [mediaType, file] of files) expect(await validateImage(file, mediaType)).toMatchObject({ mediaType });
});

it('the outline tells the size that the decoder finds, so that its memory is known before', async () => {
  const formats: Record<string, Promise<Buffer>> = {
    jpeg: picture(301, 203).jpeg().toBuffer(),
    'progressive jpeg': picture(301, 203).jpeg({ progressive: true }).toBuffer(),
    png: picture(301, 203).png().toBuffer(),
    'interlaced png': picture(301, 203).png({ progressive: true }).toBuffer(),
    webp: picture(301, 203).webp().toBuffer(),
    'lossless webp': picture(301, 203).webp({ lossless: true }).toBuffer(),
    'extended webp': picture(301, 203)
      .webp()
      .withExif({ IFD0: { Copyright: 'x' } })
      .toBuffer(),
    gif: picture(301, 203).gif().toBuffer(),
    tiff: picture(301, 203).tiff().toBuffer(),
    'big tiff': picture(301, 203).tiff({ bigtiff: true, tile: true }).toBuffer(),
    avif: picture(301, 203).avif({ effort: 0 }).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(formats))
    expect(structureOf(await bytes), name).toMatchObject({ width: 301, height: 203, excess: undefined });
  const memory = async (name: string) => inspectImage((await formats[name])!, name, DECODE_CEILING).decodeBytes;
  expect(await memory('progressive jpeg')).toBe(1_000_000);
  const large = await picture(3000, 2000).jpeg({ progressive: true }).toBuffer();
  expect(inspectImage(large, 'It', DECODE_CEILING).decodeBytes).toBe(3000 * 2000 * 6);
});

it('a file cut off or changed anywhere is looked at without an error of its own', async () => {
  const files = await Promise.all([
    picture().jpeg({ progressive: true }).toBuffer(),
    pngWith([['tEXt', text]]),
    tiffOf(3),
    gifOf(3),
    webpWith(3),
    avifOf(3),
  ]);
  for (const file of files) {
    for (let at = 0; at < Math.min(file.length, 600); at++) {
      for (const change of [0x00, 0x01, 0x7f, 0xff]) {
        const changed = Buffer.from(file);
        changed[at] = changed[at]! ^ change;
        try {
          inspectImage(change === 0 ? file.subarray(0, at) : changed, 'It', DECODE_CEILING);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: expect.stringMatching(/^image_too_(large|complex)$/) });
        }
      }
    }
  }
});

it('what workers of the last version cannot read is left to newer ones', async () => {
  const jpeg = await picture().jpeg().toBuffer();
  const bmp = Buffer.alloc(62);
  bmp.write('BM');
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, 1],
    [22, 1],
    [28, 24],
  ] as const)
    bmp.writeUInt32LE(value, at);
  const versions = [jpeg, Buffer.concat([jpeg, Buffer.from('after the end')]), jpeg.subarray(0, -2), bmp].map(
    (bytes) => inspectImage(bytes, 'It', DECODE_CEILING).needsVersion,
  );
  expect(versions).toEqual([1, 1, 2, 2]);
});
