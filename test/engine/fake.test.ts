import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '@qwen-edit/contract';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  createPipeline,
  type EditHooks,
  type EditResult,
  type Pipeline,
  type PipelineOptions,
  type Preview,
  type Snapshot,
} from '../../packages/pipeline/src/index.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { inputBytes, sha256 } from '../parity/goldens.ts';
import { pictures, pipelineFor, type request } from './edits.ts';
import { withPatience } from './patience.ts';

const program = join(import.meta.dirname, '../fakes/engine.ts');
const fake = (options: Partial<PipelineOptions> = {}): Promise<Pipeline> => pipelineFor({ program, ...options });
const image = inputBytes('odd_97x61');
const ask = (
  pipeline: Pipeline,
  prompt: string,
  hooks: EditHooks = {},
  more: Parameters<typeof request>[1] = {},
): Promise<EditResult> => pipeline.edit({ images: [image], parameters: { prompt, ...more } }, hooks);

describe('the fake engine answers as the true one does', () => {
  it('with pictures that the seed decides, and a receipt', async () => {
    const pipeline = await fake();
    const result = await ask(pipeline, 'paint it', {}, { seed: '7', num_images_per_prompt: 2, width: 40 });
    expect(result.outputs.map(({ width, height, format }) => [width, height, format])).toEqual([
      [40, 8, 'png'],
      [40, 8, 'png'],
    ]);
    for (const { bytes } of result.outputs)
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 40, height: 8 });
    expect(result.receipt).toMatchObject({
      model: { name: pipeline.model.name, digest: pipeline.model.digest, demo: true },
      parameters: { prompt: 'paint it', seed: '7', num_inference_steps: 4, width: 40, height: 8 },
      images: [{ sha256: sha256(image), width: 97, height: 61 }],
    });
    const again = await ask(pipeline, 'anything', {}, { seed: '7', width: 40 });
    expect(pictures(again)).toEqual(pictures(result).slice(0, 1));
    expect(
      new Set([...pictures(result), ...pictures(await ask(pipeline, 'x', {}, { seed: '8', width: 40 }))]).size,
    ).toBe(3);
  });

  it('with steps, previews and snapshots as they are asked for, in its time', async () => {
    const pipeline = await fake();
    const seen: string[] = [];
    const previews: Preview[] = [];
    const snapshots: Snapshot[] = [];
    const wish = 'steps:4 each:20ms size:16x24';
    const result = await ask(pipeline, wish, {
      onStep: ({ stage, step, total }) => seen.push(`${stage} ${step}/${total}`),
      previewEvery: 2,
      onPreview: (preview) => previews.push(preview),
      snapshotEvery: 3,
      onSnapshot: (snapshot) => snapshots.push(snapshot),
    });
    const steps = [0, 1, 2, 3, 4].map((step) => `denoise ${step}/4`);
    expect(seen).toEqual(['encode 0/1', 'encode 1/1', ...steps, 'decode 0/1', 'decode 1/1']);
    expect(previews.map(({ step, total }) => [step, total])).toEqual([
      [2, 4],
      [4, 4],
    ]);
    for (const { bytes, width } of previews)
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width });
    expect(result.outputs).toMatchObject([{ width: 16, height: 24 }]);
    expect(result.timings.denoise_s).toBeGreaterThan(0.07);

    const resumed: number[] = [];
    const onStep: EditHooks['onStep'] = ({ stage, step }) => stage === 'denoise' && resumed.push(step);
    expect(pictures(await ask(pipeline, wish, { resume: snapshots[0]!, onStep }))).toEqual(pictures(result));
    expect(resumed).toEqual([3, 4]);
  });

  it.each(['each:60s', 'stay'])('and ends within a step when it is cancelled: %s', async (words) => {
    const pipeline = await fake();
    const { enginePid } = pipeline;
    const controller = new AbortController();
    const edit = ask(pipeline, words, {
      signal: controller.signal,
      onStep: ({ stage }) => stage === 'denoise' && controller.abort(),
    });
    await expectRefusal(edit, 'canceled', 'was cancelled.');
    await ask(pipeline, 'x');
    expect(pipeline.enginePid).toBe(enginePid);
  });
});

describe('the fake engine fails as it is told', () => {
  it.each<[string, ErrorCode, string]>([
    ['crash:exit134', 'engine_crashed', 'exit code 134. It last said: fake: told to crash'],
    ['crash:sigkill at:2', 'engine_crashed', 'SIGKILL'],
    ['crash:sigterm at:0', 'engine_crashed', 'SIGTERM'],
    ['garbage', 'engine_protocol', 'no message'],
    ['fail:out_of_memory', 'out_of_memory', 'out_of_memory'],
    ['fail:nonsense', 'engine_failed', 'engine_failed'],
  ])('%s', async (words, code, says) => {
    const pipeline = await fake();
    await expectRefusal(ask(pipeline, `please ${words} now`), code, says);
    expect((await ask(pipeline, 'x')).outputs).toHaveLength(1);
  });

  it('hang is silent', () =>
    withPatience(async (silenceMs) => {
      const pipeline = await fake({ silenceMs });
      await expectRefusal(ask(pipeline, 'hang'), 'engine_silent');
    }));

  it.each(['hang', 'deaf'])('%s ignores a cancel', async (word) => {
    const pipeline = await fake({ cancelGraceMs: 300 });
    const controller = new AbortController();
    const onStep: EditHooks['onStep'] = ({ stage, step }) => stage === 'denoise' && step === 1 && controller.abort();
    const edit = ask(pipeline, word, { signal: controller.signal, onStep });
    await expectRefusal(edit, 'canceled', 'did not answer in time');
  });

  it('deaf is not silent', () =>
    withPatience(async (silenceMs) => {
      const pipeline = await fake({ silenceMs, cancelGraceMs: 100 });
      const edit = ask(pipeline, 'deaf', { signal: AbortSignal.timeout(1.6 * silenceMs) });
      await expectRefusal(edit, 'canceled');
    }));

  it('hold waits for its file, and heeds a cancel', async () => {
    const mark = join(await temporaryFolder(), 'mark');
    const pipeline = await fake();
    const seen: number[] = [];
    const hold = `steps:4 at:2 hold:${mark}`;
    const reached = Promise.withResolvers<void>();
    const onStep: EditHooks['onStep'] = ({ stage, step }) => {
      if (stage === 'denoise') seen.push(step);
      if (seen.at(-1) === 2) reached.resolve();
    };
    const held = ask(pipeline, hold, { onStep });
    await reached.promise;
    await delay(100);
    expect(seen).toEqual([0, 1, 2]);
    await writeFile(mark, '');
    expect((await held).outputs).toHaveLength(1);
    expect(seen).toEqual([0, 1, 2, 3, 4]);

    const controller = new AbortController();
    const canceled = ask(pipeline, `${hold}.1`, { signal: controller.signal, onStep: () => controller.abort() });
    await expectRefusal(canceled, 'canceled', 'was cancelled.');
  });

  it('a device that was lost: the next call has an engine of its own', async () => {
    const pipeline = await fake();
    const pid = pipeline.enginePid;
    await expectRefusal(ask(pipeline, 'fail:device_lost'), 'device_lost');
    expect((await ask(pipeline, 'paint it')).outputs).toHaveLength(1);
    expect(pipeline.enginePid).not.toBe(pid);
  });

  it('once, or some times, whatever process is asked', async () => {
    const mark = join(await temporaryFolder(), 'mark');
    const pipeline = await fake();
    for (let i = 0; i < 3; i++)
      await expectRefusal(ask(pipeline, `times:3:${mark} crash:exit1`), 'engine_crashed', 'exit code 1');
    expect((await ask(await fake(), `times:3:${mark} crash:exit1`)).outputs).toHaveLength(1);
    await expectRefusal(ask(pipeline, `once:${mark}.1 fail:disk_full`), 'disk_full');
    expect((await ask(pipeline, `once:${mark}.1 fail:disk_full`)).outputs).toHaveLength(1);
  });

  it('while it loads, by the name of the model folder', async () => {
    const loading = (modelDir: string, options: Partial<PipelineOptions> = {}): Promise<Pipeline> =>
      createPipeline({ modelDir, program, ...options });
    await expectRefusal(loading('/models/fail:model_corrupt'), 'model_corrupt');
    await expectRefusal(loading('/models/each:10ms+crash:exit7+at:4'), 'engine_crashed', 'exit code 7');
    await expectRefusal(loading('/models/hang', { silenceMs: 2500 }), 'engine_silent');
  });
});

it('an engine that writes 64 MB to stderr goes on, and little of it is kept', async () => {
  const pipeline = await fake();
  const before = process.memoryUsage.rss();
  expect((await ask(pipeline, 'flood')).outputs).toHaveLength(1);
  expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  const error = await expectRefusal(ask(pipeline, 'crash:exit1'), 'engine_crashed', 'told to crash');
  expect(error.message.length).toBeLessThan(5000);
});
