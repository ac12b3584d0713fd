import { describe, expect, it } from 'vitest';
import type { StepEvent } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { pictures, pipelineFor, request } from './edits.ts';

describe('a cancelled edit rejects with canceled, and the same process serves the next', () => {
  it.each<[string, (event: StepEvent) => boolean]>([
    ['at its first word', () => true],
    ['while it encodes', ({ stage, step }) => stage === 'encode' && step === 2],
    ['at a denoising step', ({ stage, step }) => stage === 'denoise' && step === 3],
  ])('%s', async (_, isTime) => {
    const pipeline = await pipelineFor();
    const { pid } = await pipeline.stats();
    const wanted = pictures(await pipeline.edit(request(2)));

    const controller = new AbortController();
    const seen: StepEvent[] = [];
    const edit = pipeline.edit(request(100), {
      signal: controller.signal,
      onStep(event) {
        seen.push(event);
        if (isTime(event)) controller.abort();
      },
    });
    const waiting = pipeline.edit(request(2));
    await expectRefusal(edit, 'canceled', 'cancelled');
    expect(seen.at(-1)).not.toMatchObject({ stage: 'denoise', step: 100 });

    expect(pictures(await waiting)).toEqual(wanted);
    expect(pictures(await pipeline.edit(request(2)))).toEqual(wanted);
    expect((await pipeline.stats()).pid).toBe(pid);
  });
});

it('an edit whose signal is aborted before it starts is not started', async () => {
  const pipeline = await pipelineFor();
  await expectRefusal(pipeline.edit(request(1), { signal: AbortSignal.abort() }), 'canceled', 'before it began');
  expect((await pipeline.stats()).edits).toBe(0);
});

it('an edit that waits for another one is cancelled at once, and the other continues', async () => {
  const pipeline = await pipelineFor();
  const controller = new AbortController();
  const order: string[] = [];
  const first = pipeline.edit(request(50)).finally(() => order.push('first'));
  const second = pipeline.edit(request(50), { signal: controller.signal }).finally(() => order.push('second'));
  const third = pipeline.edit(request(1)).finally(() => order.push('third'));
  controller.abort();
  await expectRefusal(second, 'canceled', 'before it began');
  expect((await first).outputs).toHaveLength(1);
  expect((await third).outputs).toHaveLength(1);
  expect(order).toEqual(['second', 'first', 'third']);
  expect((await pipeline.stats()).edits).toBe(2);
});

it('a signal that is aborted after its edit does not change a later one', async () => {
  const pipeline = await pipelineFor();
  const controller = new AbortController();
  await pipeline.edit(request(1), { signal: controller.signal });
  const next = pipeline.edit(request(5), { onStep: () => controller.abort() });
  expect((await next).outputs).toHaveLength(1);
});
