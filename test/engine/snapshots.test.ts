import { beforeAll, describe, expect, it } from 'vitest';
import type { EditResult, Snapshot, StepEvent } from '../../packages/pipeline/src/index.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { pictures, pipelineFor, request } from './edits.ts';

const STEPS = 6;
const wish = request(STEPS, { num_images_per_prompt: 2, true_cfg_scale: 3 });
let whole: EditResult;
let snapshots: readonly Snapshot[];

beforeAll(async () => {
  const pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), threads: 1 });
  const taken: Snapshot[] = [];
  whole = await pipeline.edit(wish, {
    returnLatents: true,
    snapshotEvery: 2,
    onSnapshot: (snapshot) => taken.push(snapshot),
  });
  snapshots = taken;
  await pipeline.close();
});

it('a snapshot is taken after every n-th step', () => {
  expect(snapshots.map(({ step, total }) => [step, total])).toEqual([2, 4, 6].map((step) => [step, STEPS]));
});

it.each([0, 1, 2])('snapshot %d, resumed in another process, gives the same bytes and latents', async (i) => {
  const resume = snapshots[i]!;
  const pipeline = await pipelineFor();
  const events: StepEvent[] = [];
  const result = await pipeline.edit(wish, { resume, returnLatents: true, onStep: (event) => events.push(event) });
  expect(pictures(result)).toEqual(pictures(whole));
  expect(result.latents).toEqual(whole.latents);
  const denoised = events.filter(({ stage }) => stage === 'denoise').map(({ step }) => step);
  expect(denoised).toEqual(Array.from({ length: STEPS - resume.step + 1 }, (_, k) => resume.step + k));
});

it('a snapshot that is asked for is taken after the running step, once', async () => {
  const pipeline = await pipelineFor();
  pipeline.requestSnapshot();
  const taken: number[] = [];
  const edit = pipeline.edit(request(20), {
    onStep: ({ stage, step }) => stage === 'denoise' && step === 1 && pipeline.requestSnapshot(),
    onSnapshot: ({ step }) => taken.push(step),
  });
  await edit;
  expect(taken).toHaveLength(1);
  expect(taken[0]).toBeGreaterThan(1);
});

it('a resumed edit with a drawn seed keeps its seed', async () => {
  const pipeline = await pipelineFor();
  const drawn = request(2, { seed: '-1' });
  const taken: Snapshot[] = [];
  const first = await pipeline.edit(drawn, { snapshotEvery: 1, onSnapshot: (snapshot) => taken.push(snapshot) });
  const again = await pipeline.edit(drawn, { resume: taken[0]! });
  expect(again.seed).toBe(first.seed);
  expect(pictures(again)).toEqual(pictures(first));
});

describe('a snapshot that does not fit is refused, and the engine stays usable', () => {
  it('cut off, changed by a bit, or nothing at all', async () => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    const snapshot = snapshots[0]!;
    const { bytes } = snapshot;
    const flipped = (place: number): Uint8Array => bytes.map((byte, i) => (i === place ? byte ^ 1 : byte));
    const damaged = [
      new Uint8Array(),
      bytes.slice(0, 20),
      bytes.slice(0, -1),
      bytes.slice(0, bytes.length / 2),
      Buffer.concat([bytes, Buffer.of(0)]),
      flipped(bytes.length - 1),
      flipped(Buffer.from(bytes).indexOf('"step":2') + 7),
      flipped(40),
    ];
    for (const each of damaged)
      await expectRefusal(
        pipeline.edit(wish, { resume: { ...snapshot, bytes: each } }),
        'snapshot_invalid',
        'snapshot',
      );
    expect(pictures(await pipeline.edit(wish, { resume: snapshot }))).toEqual(pictures(whole));
    expect((await pipeline.stats()).pid).toBe(pid);
  });

  it.each([
    ['another prompt', { prompt: 'something else' }],
    ['another seed', { seed: '5' }],
    ['another guidance', { true_cfg_scale: 2 }],
    ['more steps', { num_inference_steps: STEPS + 1 }],
    ['fewer pictures', { num_images_per_prompt: 1 }],
    ['another size', { width: 72 }],
    ['other references', { reference_size: 'output' }],
  ])('of %s', async (_, change) => {
    const pipeline = await pipelineFor();
    const other = { ...wish, parameters: { ...wish.parameters, ...change } };
    await expectRefusal(pipeline.edit(other, { resume: snapshots[0]! }), 'snapshot_invalid', 'other parameters');
  });

  it('of another picture', async () => {
    const pipeline = await pipelineFor();
    const other = { ...wish, images: [inputBytes('odd_97x61')] };
    await expectRefusal(pipeline.edit(other, { resume: snapshots[0]! }), 'snapshot_invalid', 'other pictures');
  });

  it('of another model', async () => {
    const pipeline = await pipelineFor({ modelDir: checkpointDir('demo') });
    await expectRefusal(pipeline.edit(wish, { resume: snapshots[0]! }), 'snapshot_invalid', 'another model');
  });

  it('but another file format of the result does not make it another edit', async () => {
    const pipeline = await pipelineFor();
    const webp = { ...wish, parameters: { ...wish.parameters, output_format: 'webp' as const } };
    const { outputs } = await pipeline.edit(webp, { resume: snapshots[0]! });
    expect(outputs.map(({ format }) => format)).toEqual(['webp', 'webp']);
  });
});
