import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { EditRequest, Preview, Snapshot } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { pictures, pipelineFor, request } from './edits.ts';
import { faultyOnce, inMidEdit } from './stand-ins.ts';

const cat = readFileSync(join(import.meta.dirname, '../../scripts/demo/photos/cat.jpg'));

describe('a preview changes nothing of the result', () => {
  it.each<[string, 'tiny-c' | 'demo', EditRequest]>([
    ['with guidance and two pictures', 'tiny-c', request(4, { num_images_per_prompt: 2, true_cfg_scale: 3 })],
    ['of a single latent token', 'tiny-c', request(4, { width: 8, height: 8 })],
    ['of the demo model', 'demo', { images: [cat], parameters: { prompt: 'grayscale', num_inference_steps: 3 } }],
  ])('%s', async (_, checkpoint, wish) => {
    const pipeline = await pipelineFor({ modelDir: checkpointDir(checkpoint) });
    const without = await pipeline.edit(wish, { returnLatents: true });
    const seen: Preview[] = [];
    const result = await pipeline.edit(wish, {
      returnLatents: true,
      previewEvery: 1,
      onPreview: (preview) => seen.push(preview),
    });
    expect(pictures(result)).toEqual(pictures(without));
    expect(result.latents).toEqual(without.latents);
    const total = Number(wish.parameters.num_inference_steps);
    expect(seen.map(({ step, total: of }) => [step, of])).toEqual(
      Array.from({ length: total }, (_, i) => [i + 1, total]),
    );
  });

  it('nor of its snapshots, and a resumed edit has previews again', async () => {
    const pipeline = await pipelineFor();
    const taken: [Snapshot[], Snapshot[]] = [[], []];
    await pipeline.edit(request(4), { snapshotEvery: 1, onSnapshot: (each) => taken[0].push(each) });
    const previews: Preview[][] = [[], []];
    await pipeline.edit(request(4), {
      snapshotEvery: 1,
      onSnapshot: (each) => taken[1].push(each),
      previewEvery: 2,
      onPreview: (each) => previews[0]!.push(each),
    });
    expect(taken[1]).toEqual(taken[0]);
    const resume = taken[0][1]!;
    await pipeline.edit(request(4), { resume, previewEvery: 2, onPreview: (each) => previews[1]!.push(each) });
    expect(previews[0]!.map(({ step }) => step)).toEqual([2, 4]);
    expect(previews[1]).toEqual(previews[0]!.slice(1));
  });
});

it('previews show what the picture will look like', async () => {
  const pipeline = await pipelineFor({ modelDir: checkpointDir('demo') });
  const seen: Preview[] = [];
  const parameters = { prompt: 'Turn this photo into grayscale', num_inference_steps: 4 };
  const { outputs } = await pipeline.edit(
    { images: [cat], parameters },
    { previewEvery: 1, onPreview: (preview) => seen.push(preview) },
  );
  const { width, height, bytes } = outputs[0]!;
  const small = async (picture: Uint8Array): Promise<Buffer> =>
    sharp(picture)
      .resize(width / 4, height / 4, { fit: 'fill' })
      .removeAlpha()
      .raw()
      .toBuffer();
  const final = await small(bytes);
  for (const preview of seen) {
    expect(preview).toMatchObject({ width: width / 4, height: height / 4, mediaType: 'image/webp' });
    expect(await sharp(preview.bytes).metadata()).toMatchObject({ format: 'webp', width: width / 4 });
    const difference = (await small(preview.bytes)).reduce((sum, value, i) => sum + Math.abs(value - final[i]!), 0);
    expect(difference / final.length, `step ${preview.step}`).toBeLessThan(14);
  }
});

it('a preview has at most 256 pixels on its longer side', async () => {
  const pipeline = await pipelineFor();
  const sizes: number[][] = [];
  const wish = request(1, { width: 2048, height: 16 });
  await pipeline.edit(wish, { previewEvery: 1, onPreview: ({ width, height }) => sizes.push([width, height]) });
  expect(sizes).toEqual([[256, 2]]);
});

it('a previewEvery that makes no sense is refused, and without onPreview none is asked for', async () => {
  const pipeline = await pipelineFor();
  for (const previewEvery of [0, -1, 1.5, Number.NaN])
    await expectRefusal(pipeline.edit(request(2), { previewEvery }), 'invalid_parameter', 'previewEvery');
  const echo = `on('edit', ({ id, previewEvery }) => send({ type: 'error', id, code: 'engine_failed', message: 'asked for ' + previewEvery, hint: 'none at all' }));`;
  const echoing = await pipelineFor({
    program: await faultyOnce(
      `hello(); on('load', ({ id }) => send({ type: 'loaded', id, load_s: 0, model })); ${echo}`,
    ),
  });
  await expectRefusal(echoing.edit(request(2), { previewEvery: 1 }), 'engine_failed', 'asked for undefined');
  const onPreview = (): void => undefined;
  await expectRefusal(echoing.edit(request(2), { previewEvery: 7, onPreview }), 'engine_failed', 'asked for 7');
  await expectRefusal(echoing.edit(request(2), { onPreview }), 'engine_failed', 'asked for undefined');
});

it('a preview without its picture is a broken engine', async () => {
  const empty = `send({ type: 'preview', id, step: 1, total: 2, width: 8, height: 8, mediaType: 'image/webp' });`;
  const pipeline = await pipelineFor({ program: await faultyOnce(inMidEdit(empty)) });
  const edit = pipeline.edit(request(1), { previewEvery: 1, onPreview: () => undefined });
  await expectRefusal(edit, 'engine_protocol', 'something else');
  expect((await pipeline.edit(request(1))).outputs).toHaveLength(1);
});
