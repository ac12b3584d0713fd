import sharp, { type JpegOptions } from 'sharp';
import { expect, it } from 'vitest';
import { decodeImage } from './decode.ts';
import { makeThumbnail } from './thumbnail.ts';
import { validateImage } from './validate-image.ts';

const [WIDTH, HEIGHT] = [77, 61];
const pixels = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 256);

const KINDS: [string, JpegOptions, 'b-w' | 'cmyk' | 'srgb'][] = [
  ['baseline', {}, 'srgb'],
  ['without subsampling', { chromaSubsampling: '4:4:4', quality: 95 }, 'srgb'],
  ['gray', {}, 'b-w'],
  ['CMYK', {}, 'cmyk'],
  ['progressive', { progressive: true }, 'srgb'],
  ['progressive, gray', { progressive: true }, 'b-w'],
];

it.each(KINDS)(
  'a JPEG that lacks its end marker only is the same picture, and one that lacks more is refused: %s',
  async (_, options, space) => {
    const whole = await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .toColourspace(space)
      .jpeg(options)
      .toBuffer();
    const wanted = await decodeImage(whole, 'It');
    for (const cut of [1, 2]) {
      const bytes = whole.subarray(0, whole.length - cut);
      expect(await decodeImage(bytes, 'It'), `${cut} bytes less`).toEqual(wanted);
      expect(await validateImage(bytes, 'It')).toMatchObject({ width: WIDTH, height: HEIGHT, mediaType: 'image/jpeg' });
      expect(await makeThumbnail(bytes, 'It')).toEqual(await makeThumbnail(whole, 'It'));
    }
    let refused = 0;
    // Converting CMYK takes long.
    const cuts = space === 'cmyk' ? [10] : [3, 4, 5, 6, 8, 10, 20, 50, 100, 200, whole.length >> 1];
    for (const cut of [...cuts, ...scanEnds(whole)]) {
      const answer = await decodeImage(whole.subarray(0, whole.length - cut), 'It').catch((thrown: unknown) => thrown);
      // The last byte may hold nothing but filling.
      if (cut > 5 || answer instanceof Error) {
        expect(answer, `${cut} bytes less`).toMatchObject({ code: 'image_invalid' });
        refused++;
      } else expect(wanted.data.every((value, i) => value === (answer as typeof wanted).data[i])).toBe(true);
    }
    expect(refused).toBeGreaterThanOrEqual(cuts.length - 1);
  },
);

/** How much has to be cut off to end a file between two of its scans, where nothing but later scans is missing. */
function scanEnds(file: Buffer): readonly number[] {
  const ends: number[] = [];
  const scan = Buffer.of(0xff, 0xda);
  for (let at = file.indexOf(scan); at !== -1; at = file.indexOf(scan, at + 2)) ends.push(file.length - at);
  return ends;
}

it('whatever is cut off the end of a JPEG: what is taken is the whole picture', async () => {
  let taken = 0;
  for (let n = 0; n < 12; n++) {
    const [width, height] = [20 + ((n * 37) % 90), 9 + ((n * 53) % 120)];
    const noise = new Uint8Array(width * height * 3).map((_, i) =>
      n % 2 === 0 ? (i * 7919 + (i >> 5) * 31) % 256 : i >> 7,
    );
    const whole = await sharp(noise, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 30 + 6 * n, chromaSubsampling: n % 3 === 0 ? '4:2:0' : '4:4:4' })
      .toBuffer();
    const wanted = (await decodeImage(whole, 'It')).data;
    // The cuts include those within a marker, and within a byte that is stuffed because it looks like one.
    for (let cut = 1; cut < 40; cut++) {
      const answer = await decodeImage(whole.subarray(0, -cut), 'It').catch(() => undefined);
      if (answer === undefined) continue;
      taken++;
      expect(
        answer.data.every((value, i) => value === wanted[i]),
        `picture ${n}, ${cut} bytes less`,
      ).toBe(true);
    }
  }
  expect(taken).toBeGreaterThanOrEqual(24);
});
