import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPipeline, type EditResult, type Pipeline } from '../../packages/pipeline/src/index.ts';
import { checkpointDir, inputBytes, sha256 } from '../parity/goldens.ts';
import { madeUp, png, RGB, rgb } from './pictures.ts';
import { expectRefusal } from './refusals.ts';

const good = inputBytes('sq_72x72');
const parameters = { prompt: 'x', num_inference_steps: 1, true_cfg_scale: 1, width: 64, height: 64 };
const whole = (format: 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'avif'): Promise<Buffer> =>
  rgb(madeUp(64, 48), 64, 48).toFormat(format).toBuffer();
const flat = (width: number, height: number): Buffer =>
  png({ width, height, depth: 8, color: RGB }, new Uint8Array(width * height * 3).fill(90));

let pipeline: Pipeline;
let pid = 0;
let wanted = '';
const edit = (...images: Uint8Array[]): Promise<EditResult> => pipeline.edit({ images, parameters });
beforeAll(async () => {
  pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), threads: 1 });
  pid = (await pipeline.stats()).pid;
  wanted = sha256((await edit(good)).outputs[0]!.bytes);
});
afterAll(() => pipeline.close());

/** The same engine process still makes the same picture. */
async function expectUsable(): Promise<void> {
  expect(sha256((await edit(good)).outputs[0]!.bytes)).toBe(wanted);
  expect((await pipeline.stats()).pid).toBe(pid);
}

describe('what is no picture is refused, and the engine stays usable', () => {
  it.each([
    ['nothing', '', 'is empty'],
    ['text', 'These are words and no picture. '.repeat(20), 'not a picture'],
    ['a web page', '<!doctype html><html><body><img src="x.png"></body></html>', 'not a picture'],
    ['a PDF', '%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>', 'not a picture'],
    [
      'an SVG, which would be drawn instead of read',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
      'not a picture',
    ],
  ])('%s', async (_, content, says) => {
    await expectRefusal(edit(Buffer.from(content)), 'image_invalid', 'The picture', says);
    await expectUsable();
  });

  it('of several pictures the bad one is named', async () => {
    await expectRefusal(edit(good, Buffer.from('no picture'), good), 'image_invalid', 'Picture 2');
  });

  it('no picture at all, too many, or something else than bytes', async () => {
    await expectRefusal(edit(), 'invalid_parameter', 'at least one picture');
    await expectRefusal(edit(...Array<Buffer>(9).fill(good)), 'invalid_parameter', 'at most 8 pictures, not 9');
    await expectRefusal(edit(...Array<Buffer>(2000).fill(good)), 'invalid_parameter', 'not 2000');
    const path = 'photo.png' as unknown as Uint8Array;
    await expectRefusal(edit(path), 'invalid_parameter', 'images');
    await expectUsable();
  });
});

describe('a damaged picture is refused rather than shown in part', () => {
  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)('%s cut off', async (format) => {
    const bytes = await whole(format);
    await edit(bytes);
    for (const length of [12, 40, bytes.length / 2, bytes.length - 20])
      await expectRefusal(edit(bytes.subarray(0, length)), 'image_invalid', 'The picture');
  });

  it.each([
    ['IHDR', 17],
    ['IDAT', 30],
  ])('a PNG whose chunk %s fails its checksum', async (type, offset) => {
    const bytes = await whole('png');
    const place = bytes.indexOf(type) + offset;
    bytes[place] = bytes[place]! ^ 1;
    await expectRefusal(edit(bytes), 'image_invalid', 'The picture');
    await expectUsable();
  });
});

describe('a pixel bomb is refused from its header', () => {
  it.each([
    [100_000, 100_000],
    [10_001, 10_000],
    [2_000_000_000, 1],
  ])('%d × %d', async (width, height) => {
    const before = (await pipeline.stats()).peak_rss;
    const bomb = png({ width, height, depth: 8, color: RGB }, new Uint8Array());
    const code = width > 1e9 ? 'image_invalid' : 'image_too_large';
    await expectRefusal(edit(bomb), code, ...(width > 1e9 ? [] : [`${width} × ${height}`, '100000000']));
    // 10,000² pixels would be 300 MB.
    expect((await pipeline.stats()).peak_rss - before).toBeLessThan(100e6);
    await expectUsable();
  });

  it('a picture of exactly the limit is looked at', async () => {
    const bomb = png({ width: 10_000, height: 10_000, depth: 8, color: RGB }, new Uint8Array());
    await expectRefusal(edit(bomb), 'image_invalid', 'damaged or cut off');
  });
});

describe('extreme shapes', () => {
  it('a single pixel is a picture', async () => {
    const { outputs, receipt } = await edit(flat(1, 1));
    expect(outputs).toHaveLength(1);
    expect(receipt.images).toMatchObject([{ width: 1, height: 1 }]);
  });

  it.each([
    [1, 20_000],
    [20_000, 1],
  ])('%d × %d is refused, because a side would round to 0', async (width, height) => {
    await expectRefusal(edit(flat(width, height)), 'image_ratio', 'too narrow', 'would round to 0');
    await expectUsable();
  });
});
