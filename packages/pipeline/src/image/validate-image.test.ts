import { AppError } from '@qwen-edit/contract';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from './decode.ts';
import { validateImage } from './validate-image.ts';

const WIDTH = 157;
const HEIGHT = 131;
const pixels = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 256);
const picture = sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

const FORMATS: readonly [string, string, Promise<Buffer>][] = [
  ['JPEG', 'image/jpeg', picture.clone().jpeg().toBuffer()],
  ['progressive JPEG', 'image/jpeg', picture.clone().jpeg({ progressive: true }).toBuffer()],
  ['PNG', 'image/png', picture.clone().png().toBuffer()],
  ['interlaced PNG', 'image/png', picture.clone().png({ progressive: true }).toBuffer()],
  ['WebP', 'image/webp', picture.clone().webp().toBuffer()],
  ['GIF', 'image/gif', picture.clone().gif().toBuffer()],
  ['TIFF in strips', 'image/tiff', picture.clone().tiff({ compression: 'deflate' }).toBuffer()],
  [
    'TIFF in tiles',
    'image/tiff',
    picture.clone().tiff({ compression: 'jpeg', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer(),
  ],
  ['AVIF', 'image/avif', picture.clone().avif({ effort: 0 }).toBuffer()],
];

const answerOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (error: unknown) => `${error}`,
  );

describe.each(FORMATS)('%s', (_, mediaType, encoded) => {
  it('is valid, with its size and its media type', async () => {
    expect(await validateImage(await encoded, 'It')).toEqual({ width: WIDTH, height: HEIGHT, mediaType });
  });

  it('cut off or damaged anywhere gets the same answer as from the pipeline', async () => {
    const whole = await encoded;
    const damaged: Buffer[] = [];
    for (const share of [0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97]) {
      const at = Math.floor(whole.length * share);
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 0x55;
      damaged.push(whole.subarray(0, at), flipped);
    }
    for (const bytes of [1, 2, 3, 8, 20, 100]) damaged.push(whole.subarray(0, whole.length - bytes));
    const answers = new Set<string>();
    for (const [i, bytes] of damaged.entries()) {
      const answer = await answerOf(validateImage(bytes, 'It'));
      expect(answer, `damage ${i}`).toBe(await answerOf(decodeImage(bytes, 'It')));
      answers.add(answer);
    }
    expect(answers.size).toBeGreaterThan(1);
  });
});

it('the size is that of the upright picture, for all eight orientations', async () => {
  for (let orientation = 1; orientation <= 8; orientation++) {
    const bytes = await picture.clone().withMetadata({ orientation }).jpeg().toBuffer();
    const { width, height } = await decodeImage(bytes, 'It');
    expect(await validateImage(bytes, 'It')).toEqual({ width, height, mediaType: 'image/jpeg' });
    expect([width, height]).toEqual(orientation < 5 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH]);
  }
});

it('of an animation the first frame counts', async () => {
  const raw = { raw: { width: 8, height: 16, channels: 3 as const, pageHeight: 8 } };
  const frames = sharp(pixels.subarray(0, 8 * 16 * 3), raw);
  for (const format of ['gif', 'webp'] as const) {
    const bytes = await frames.clone().toFormat(format).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    expect(await validateImage(bytes, 'It')).toEqual({ width: 8, height: 8, mediaType: `image/${format}` });
  }
});

const blank = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: 'white' } })
    .png()
    .toBuffer();

describe('what the pipeline refuses is refused with the same code', () => {
  it.each<[string, Uint8Array | Promise<Uint8Array>, AppError['code'], string]>([
    ['nothing', new Uint8Array(), 'image_invalid', 'Picture 3 is empty'],
    ['words', Buffer.from('no picture '.repeat(50)), 'image_invalid', 'Picture 3 is not a picture'],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'image_invalid', 'not'],
    ['a narrow one', blank(20_000, 1), 'image_ratio', 'Picture 3 of 20000 × 1 is too narrow'],
    ['a file above the limit', new Uint8Array(250_000_001), 'image_too_large', 'Picture 3 has 250000001 bytes'],
  ])('%s', async (_, bytes, code, says) => {
    const error = await validateImage(await bytes, 'Picture 3').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it('a shape that is refused by the rules of a model', async () => {
    const bytes = await blank(400, 10);
    expect(await validateImage(bytes, 'It')).toMatchObject({ width: 400, height: 10 });
    await expect(validateImage(bytes, 'It', { condition_image_size: 9216 })).rejects.toMatchObject({
      code: 'image_ratio',
    });
  });
});
