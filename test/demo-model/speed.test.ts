import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { decodePicture, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import {
  createPipeline,
  type EditRequest,
  type EditResult,
  type Pipeline,
  type Preview,
  type Snapshot,
  type StepEvent,
} from '../../packages/pipeline/src/index.ts';
import { pictures } from '../engine/edits.ts';

const STEPS = 20;

let pipeline: Pipeline;
let photo: Uint8Array;
let exact: EditResult;
beforeAll(async () => {
  pipeline = await createPipeline({ modelDir: demoModelDir, threads: 1 });
  photo = await readFile(join(import.meta.dirname, '../../scripts/demo/photos/cat.jpg'));
  exact = await pipeline.edit(wish({}));
});
afterAll(() => pipeline.close());

function wish(more: Partial<EditRequest['parameters']>): EditRequest {
  const parameters = { prompt: 'make it black and white', num_inference_steps: STEPS, width: 128, height: 128 };
  return { images: [photo], parameters: { ...parameters, ...more } };
}

async function psnrToExact({ outputs }: EditResult): Promise<number> {
  const [picture, golden] = await Promise.all([outputs, exact.outputs].map(([each]) => decodePicture(each!.bytes)));
  return pixelPsnr(picture!, golden!);
}

it('exact is what an edit is that says nothing of speed, and its receipt says that every step was computed', async () => {
  const said = await pipeline.edit(wish({ speed: 'exact' }));
  expect(pictures(said)).toEqual(pictures(exact));
  expect(exact.receipt.speed).toEqual({ mode: 'exact', steps: STEPS, computed: STEPS });
});

// The bounds are 10 dB and more below what was measured.
describe.each([
  ['balanced', 46],
  ['fast', 42],
] as const)('%s', (speed, bound) => {
  it('computes fewer steps for nearly the same picture, tells of every step, and gives the same bytes again', async () => {
    const events: StepEvent[] = [];
    const previews: Preview[] = [];
    const first = await pipeline.edit(wish({ speed }), {
      onStep: (event) => event.stage === 'denoise' && events.push(event),
      previewEvery: 1,
      onPreview: (preview) => previews.push(preview),
    });
    const { mode, steps, computed } = first.receipt.speed;
    expect([mode, steps]).toEqual([speed, STEPS]);
    expect(computed).toBeLessThan(STEPS);
    expect(await psnrToExact(first)).toBeGreaterThan(bound);
    expect(events.map(({ step }) => step)).toEqual(Array.from({ length: STEPS + 1 }, (_, i) => i));
    expect(events.filter(({ foreseen }) => foreseen === true)).toHaveLength(STEPS - computed);
    expect(previews.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    const again = await pipeline.edit(wish({ speed }));
    expect(pictures(again)).toEqual(pictures(first));
    expect(again.receipt).toEqual(first.receipt);
  });

  it('continues from a snapshot as if there had been no interruption, with several pictures and guidance', async () => {
    const two = wish({ speed, num_images_per_prompt: 2, true_cfg_scale: 3, negative_prompt: ' ' });
    const taken: Snapshot[] = [];
    const whole = await pipeline.edit(two, {
      returnLatents: true,
      snapshotEvery: 1,
      onSnapshot: (snapshot) => taken.push(snapshot),
    });
    expect(whole.receipt.speed.computed).toBeLessThan(STEPS);
    for (const resume of taken.filter(({ step }) => [2, 7, 8, 9, 15].includes(step))) {
      const rest = await pipeline.edit(two, { resume, returnLatents: true });
      expect(rest.latents, `from step ${resume.step}`).toEqual(whole.latents);
      expect(rest.receipt).toEqual(whole.receipt);
    }
  });

  it('with few steps is the exact edit, and says so', async () => {
    const few = { num_inference_steps: 4 };
    const result = await pipeline.edit(wish({ ...few, speed }));
    expect(pictures(result)).toEqual(pictures(await pipeline.edit(wish(few))));
    expect(result.receipt.speed).toEqual({ mode: speed, steps: 4, computed: 4 });
    expect(result.warnings).toContainEqual(expect.stringMatching(/^speed has no effect with fewer than 8 steps/));
  });
});

it('a picture is the same whether one or two are asked for', async () => {
  const one = await pipeline.edit(wish({ speed: 'fast' }));
  const two = await pipeline.edit(wish({ speed: 'fast', num_images_per_prompt: 2 }));
  expect(pictures(two)[0]).toBe(pictures(one)[0]);
});

it('a snapshot of one speed does not fit another', async () => {
  const taken: Snapshot[] = [];
  await pipeline.edit(wish({ speed: 'fast' }), { snapshotEvery: 10, onSnapshot: (snapshot) => taken.push(snapshot) });
  for (const speed of ['exact', 'balanced'] as const)
    await expect(pipeline.edit(wish({ speed }), { resume: taken[0]! })).rejects.toMatchObject({
      code: 'snapshot_invalid',
    });
});
