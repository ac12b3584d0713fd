import { expect, it } from 'vitest';
import { probeEdit } from '../../apps/worker/src/probe-edit.ts';
import type { StepEvent } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { pictures, pipelineFor, request } from './edits.ts';

it('the probe edit of a worker goes through every network of a model', async () => {
  const pipeline = await pipelineFor();
  const stages = new Set<string>();
  const { outputs, warnings } = await pipeline.edit(probeEdit(pipeline.model), {
    onStep: ({ stage }) => stages.add(stage),
  });
  expect([...stages]).toEqual(['encode', 'denoise', 'decode']);
  expect(outputs).toHaveLength(1);
  expect(warnings).toEqual([]);
});

it('edits asked for at once wait for each other, and one that fails stops none', async () => {
  const pipeline = await pipelineFor();
  const alone = [];
  for (const seed of ['1', '2', '3']) alone.push(pictures(await pipeline.edit(request(2, { seed }))));
  const order: string[] = [];
  const ask = (seed: string) =>
    pipeline.edit(request(2, { seed }), { onStep: ({ stage }) => stage === 'decode' && order.push(seed) });
  const [first, failed, second, third] = await Promise.allSettled([
    ask('1'),
    pipeline.edit(request(2, { width: 5 })),
    ask('2'),
    ask('3'),
  ]);
  const got = [first, second, third].map((each) => each?.status === 'fulfilled' && pictures(each.value));
  expect(got).toEqual(alone);
  expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'invalid_parameter' } });
  expect([...new Set(order)]).toEqual(['1', '2', '3']);
  expect(order).toEqual([...order].sort());
});

it('steps are reported in order, from 0 to their total, stage by stage', async () => {
  const pipeline = await pipelineFor();
  const events: StepEvent[] = [];
  await pipeline.edit(request(3, { num_images_per_prompt: 2 }), { onStep: (event) => events.push(event) });
  const told = (stage: string) =>
    events.filter((event) => event.stage === stage).map(({ step, total }) => [step, total]);
  expect([...new Set(events.map(({ stage }) => stage))]).toEqual(['encode', 'denoise', 'decode']);
  expect(told('denoise')).toEqual([0, 1, 2, 3].map((step) => [step, 3]));
  expect(told('encode')).toEqual([0, 1, 2, 3, 4].map((step) => [step, 4]));
  expect(told('decode')).toEqual([0, 1, 2].map((step) => [step, 2]));
});

it('a drawn seed is returned, and with it the picture can be made again', async () => {
  const pipeline = await pipelineFor();
  const drawn = await pipeline.edit(request(2, { seed: '-1' }));
  expect(drawn.seed).toMatch(/^\d{1,10}$/);
  expect(drawn.receipt.parameters.seed).toBe(drawn.seed);
  const again = await pipeline.edit(request(2, { seed: drawn.seed }));
  expect(pictures(again)).toEqual(pictures(drawn));
  const other = await pipeline.edit(request(2, { seed: '-1' }));
  expect(other.seed).not.toBe(drawn.seed);
  expect(pictures(other)).not.toEqual(pictures(drawn));
});

it('picture i does not depend on how many are asked for', async () => {
  const pipeline = await pipelineFor();
  const [one] = pictures(await pipeline.edit(request(2)));
  const three = pictures(await pipeline.edit(request(2, { num_images_per_prompt: 3 })));
  const two = pictures(await pipeline.edit(request(2, { num_images_per_prompt: 2 })));
  expect(three[0]).toBe(one);
  expect(three.slice(0, 2)).toEqual(two);
  expect(new Set(three).size).toBe(3);
});

it.each([8, 24, 40])('every multiple of the model is a size: %d', async (side) => {
  const pipeline = await pipelineFor();
  const wish = request(2, { width: side, height: side, num_images_per_prompt: 2 });
  const { outputs } = await pipeline.edit(wish);
  expect(outputs.map(({ width, height }) => [width, height])).toEqual([
    [side, side],
    [side, side],
  ]);
});

it('a hook that throws ends its edit with internal, and nothing else', async () => {
  const pipeline = await pipelineFor();
  const { pid } = await pipeline.stats();
  const edit = pipeline.edit(request(100), {
    onStep({ stage }) {
      if (stage === 'denoise') throw new TypeError('the hook is broken');
    },
  });
  const next = pipeline.edit(request(2));
  await expectRefusal(edit, 'internal', 'the hook is broken');
  expect((await next).outputs).toHaveLength(1);
  expect(await pipeline.stats()).toMatchObject({ pid, edits: 1 });
});

it('a hook that makes no sense is refused, and the engine goes on', async () => {
  const pipeline = await pipelineFor();
  for (const snapshotEvery of [0, -1, 1.5, Number.NaN])
    await expectRefusal(pipeline.edit(request(2), { snapshotEvery }), 'invalid_parameter', 'snapshotEvery');
  expect((await pipeline.edit(request(2))).outputs).toHaveLength(1);
});
