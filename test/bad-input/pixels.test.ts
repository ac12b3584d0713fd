import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../packages/pipeline/src/image/decode.ts';
import type { Pixels } from '../../packages/pipeline/src/image/resample.ts';
import { chunk, GRAY, GRAY_ALPHA, madeUp, PALETTE, png, RGB, RGBA, rgb } from './pictures.ts';

const decode = (bytes: Uint8Array): Promise<Pixels> => decodeImage(bytes, 'The picture');
const largestDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('all eight EXIF orientations come out upright', () => {
  const WIDTH = 48;
  const HEIGHT = 32;
  const CELL = 16;
  /** Cells of one colour each, so that JPEG keeps them. */
  const upright = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const cell = Math.floor(y / CELL) * (WIDTH / CELL) + Math.floor(x / CELL);
      upright.set([40 * cell + 20, 255 - 40 * cell, 128 + 15 * cell], (y * WIDTH + x) * 3);
    }
  }
  /** The place in the upright picture of the stored place x, y. Source: the EXIF standard, tag 0x0112. */
  const places: Record<number, (x: number, y: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y) => [WIDTH - 1 - x, y],
    3: (x, y) => [WIDTH - 1 - x, HEIGHT - 1 - y],
    4: (x, y) => [x, HEIGHT - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [WIDTH - 1 - y, x],
    7: (x, y) => [WIDTH - 1 - y, HEIGHT - 1 - x],
    8: (x, y) => [y, HEIGHT - 1 - x],
  };

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %d', async (orientation) => {
    const [width, height] = orientation < 5 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH];
    const stored = new Uint8Array(upright.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [ux, uy] = places[orientation]!(x, y);
        const from = (uy * WIDTH + ux) * 3;
        stored.set(upright.subarray(from, from + 3), (y * width + x) * 3);
      }
    }
    const picture = rgb(stored, width, height).withMetadata({ orientation });
    const jpeg = await decode(await picture.clone().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer());
    expect([jpeg.width, jpeg.height]).toEqual([WIDTH, HEIGHT]);
    expect(largestDifference(jpeg.data, upright)).toBeLessThanOrEqual(3);
    const webp = await decode(await picture.clone().webp({ lossless: true }).toBuffer());
    expect(webp).toEqual({ width: WIDTH, height: HEIGHT, data: upright });
  });
});

describe('alpha is composited on white', () => {
  const one = { width: 1, height: 1, depth: 8 } as const;
  it.each([
    ['RGBA, half', png({ ...one, color: RGBA }, Buffer.of(0, 100, 200, 128)), [127, 177, 227]],
    ['RGBA, none', png({ ...one, color: RGBA }, Buffer.of(10, 100, 200, 0)), [255, 255, 255]],
    ['RGBA, full', png({ ...one, color: RGBA }, Buffer.of(10, 100, 200, 255)), [10, 100, 200]],
    ['gray with alpha', png({ ...one, color: GRAY_ALPHA }, Buffer.of(100, 128)), [177, 177, 177]],
    [
      'RGBA, 16 bits',
      png({ ...one, depth: 16, color: RGBA }, Buffer.of(0, 0, 100, 0, 200, 0, 128, 0)),
      [127, 177, 227],
    ],
  ])('%s', async (_, bytes, wanted) => {
    const { data } = await decode(bytes);
    expect(data).toHaveLength(3);
    expect(largestDifference(data, Uint8Array.from(wanted))).toBeLessThanOrEqual(1);
  });

  it('a palette with a transparent entry, and a transparent gray', async () => {
    const palette = [chunk('PLTE', Buffer.of(10, 20, 30, 40, 50, 60)), chunk('tRNS', Buffer.of(0, 255))];
    const two = { width: 2, height: 1, depth: 8 } as const;
    const colours = await decode(png({ ...two, color: PALETTE }, Buffer.of(0, 1), palette));
    expect([...colours.data]).toEqual([255, 255, 255, 40, 50, 60]);
    const grays = await decode(png({ ...two, color: GRAY }, Buffer.of(5, 6), [chunk('tRNS', Buffer.of(0, 5))]));
    expect([...grays.data]).toEqual([255, 255, 255, 6, 6, 6]);
  });
});

describe('every way to store a colour comes out as 8-bit sRGB', () => {
  const RED = [200, 50, 50];
  const picture = rgb(
    new Uint8Array(4 * 4 * 3).map((_, i) => RED[i % 3]!),
    4,
    4,
  );
  const expectRed = async (bytes: Uint8Array, tolerance: number, format: object): Promise<void> => {
    expect(await sharp(bytes).metadata(), 'the test has the picture that it means').toMatchObject(format);
    const { data } = await decode(bytes);
    expect(data).toHaveLength(4 * 4 * 3);
    expect(
      largestDifference(
        data,
        Uint8Array.from(data, (_, i) => RED[i % 3]!),
      ),
      `${data}`,
    ).toBeLessThanOrEqual(tolerance);
  };

  it('plain sRGB is byte-exact', async () => {
    const data = madeUp(37, 23);
    const decoded = await decode(png({ width: 37, height: 23, depth: 8, color: RGB }, data));
    expect(decoded).toEqual({ width: 37, height: 23, data });
  });

  it('Display P3, 8 bits', async () => {
    await expectRed(await picture.clone().withIccProfile('p3').png().toBuffer(), 1, {
      depth: 'uchar',
      hasProfile: true,
    });
  });

  it.each(['p3', 'srgb'])('16 bits with the profile %s', async (profile) => {
    const bytes = await picture.clone().toColourspace('rgb16').withIccProfile(profile).png().toBuffer();
    await expectRed(bytes, 2, { depth: 'ushort', hasProfile: true });
  });

  it('16 bits without a profile, and 16-bit gray', async () => {
    const one = { width: 1, height: 1, depth: 16 } as const;
    const colour = await decode(png({ ...one, color: RGB }, Buffer.of(200, 0x10, 50, 0x20, 50, 0xff)));
    expect([...colour.data]).toEqual(RED);
    expect([...(await decode(png({ ...one, color: GRAY }, Buffer.of(100, 0x80)))).data]).toEqual([100, 100, 100]);
  });

  it('gray', async () => {
    const bytes = png({ width: 3, height: 1, depth: 8, color: GRAY }, Buffer.of(0, 100, 255));
    expect([...(await decode(bytes)).data]).toEqual([0, 0, 0, 100, 100, 100, 255, 255, 255]);
  });

  it.each(['without', 'with'])('a CMYK JPEG %s a profile', async (which) => {
    const cmyk = which === 'with' ? picture.clone().withIccProfile('cmyk') : picture.clone().toColourspace('cmyk');
    // CMYK cannot store every red.
    await expectRed(await cmyk.jpeg({ quality: 100 }).toBuffer(), 24, { space: 'cmyk', hasProfile: which === 'with' });
  });
});

it('of an animation the first frame is the picture', async () => {
  const first = new Uint8Array(8 * 8 * 3).fill(30);
  const second = new Uint8Array(8 * 8 * 3).fill(220);
  const raw = { raw: { width: 8, height: 16, channels: 3 as const, pageHeight: 8 } };
  for (const format of ['gif', 'webp'] as const) {
    const animation = sharp(Buffer.concat([first, second]), raw);
    const bytes = await (format === 'gif' ? animation.gif() : animation.webp({ lossless: true })).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    expect(await decode(bytes), format).toEqual({ width: 8, height: 8, data: first });
  }
});
