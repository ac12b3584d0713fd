import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { makeThumbnail } from './thumbnail.ts';

const blank = (width: number, height: number, background = '#3366cc') =>
  sharp({ create: { width, height, channels: 3, background } });

async function look(bytes: Uint8Array) {
  const { format, width, height, exif, pages } = await sharp(bytes).metadata();
  return { format, width, height, exif, pages };
}

it.each([
  [3000, 2000, 320, 213],
  [100, 2000, 16, 320],
  [320, 320, 320, 320],
  [48, 32, 48, 32],
  [20_000, 10, 320, 1],
])('a picture of %d × %d becomes a WebP of %d × %d', async (width, height, smallWidth, smallHeight) => {
  const small = await makeThumbnail(await blank(width, height).png().toBuffer());
  expect(await look(small)).toMatchObject({ format: 'webp', width: smallWidth, height: smallHeight });
});

it('it is upright however the camera was held, and has no metadata of the camera', async () => {
  // Its upper left is red, whichever way it is stored.
  const corner = { input: await blank(200, 100, '#f00').png().toBuffer(), left: 0, top: 0 };
  const upright = await blank(600, 400).composite([corner]).png().toBuffer();
  const stored: Record<number, (each: Sharp) => Sharp> = {
    1: (each) => each,
    2: (each) => each.flop(),
    3: (each) => each.rotate(180),
    4: (each) => each.flip(),
    6: (each) => each.rotate(270),
    8: (each) => each.rotate(90),
  };
  for (const [orientation, store] of Object.entries(stored)) {
    const bytes = await store(sharp(upright))
      .withMetadata({ orientation: Number(orientation) })
      .jpeg()
      .toBuffer();
    const small = await makeThumbnail(bytes);
    expect(await look(small), orientation).toMatchObject({ width: 320, height: 213, exif: undefined });
    const { data } = await sharp(small).raw().toBuffer({ resolveWithObject: true });
    expect(data[0], orientation).toBeGreaterThan(200);
  }
});

it('what is transparent is white, and of an animation the first frame counts', async () => {
  const clear = await sharp({ create: { width: 9, height: 9, channels: 4, background: '#0000' } })
    .png()
    .toBuffer();
  expect([
    ...(
      await sharp(await makeThumbnail(clear))
        .raw()
        .toBuffer()
    ).subarray(0, 3),
  ]).toEqual([255, 255, 255]);
  const pixels = new Uint8Array(8 * 16 * 3).fill(255, 8 * 8 * 3);
  const frames = sharp(pixels, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } });
  const small = await makeThumbnail(await frames.gif().toBuffer());
  expect(await look(small)).toMatchObject({ width: 8, height: 8, pages: undefined });
  expect((await sharp(small).raw().toBuffer())[0]).toBeLessThan(10);
});

describe('what cannot be read is refused', () => {
  it.each<[string, Uint8Array | Promise<Uint8Array>, string]>([
    ['words', Buffer.from('no picture'), 'image_invalid'],
    [
      'one cut off',
      blank(400, 400)
        .png()
        .toBuffer()
        .then((bytes) => bytes.subarray(0, 200)),
      'image_invalid',
    ],
    ['too many pixels', blank(20_000, 6000).png().toBuffer(), 'image_too_large'],
  ])('%s', async (_, bytes, code) => {
    await expect(makeThumbnail(await bytes, 'It')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^It /),
    });
  });
});
