import { signal } from '@preact/signals';
import { type Client, createClient } from '@qwen-edit/client';
import type { ServedModel } from '@qwen-edit/contract';
import { expect, it, vi } from 'vitest';
import { createCallService } from '../api/call-result.ts';
import { EMPTY_FORM } from '../lib/parameters.ts';
import { createEstimator } from './estimator.ts';
import type { EditorPicture } from './picture-list.ts';

const PICTURE = { id: 1, name: 'a.png', size: { width: 640, height: 480 } };
const MODEL = { id: 'm', digest: 'sha256:m' };

/** An estimator whose service answers with `answer`; `asked` has the bodies that it was sent. */
function setUp(answer: () => Response) {
  const asked: unknown[] = [];
  const client: Client = createClient({
    baseUrl: 'http://service.test',
    fetch: async (_url, init) => {
      asked.push(JSON.parse(String(init.body)));
      return answer();
    },
  });
  const form = signal(EMPTY_FORM);
  const pictures = signal([PICTURE as unknown as EditorPicture]);
  const model = signal<ServedModel | undefined>(MODEL as unknown as ServedModel);
  const callService = createCallService(client, () => undefined);
  const expected = createEstimator({ callService, form, pictures, model, settleMs: 0 });
  return { asked, form, pictures, model, expected };
}

const estimate = (median: number) =>
  Response.json({
    object: 'estimate',
    models: [
      {
        ...{ id: 'm', digest: 'sha256:m', device: 'cpu', precision: 'fp32', ready: true, workers: 1 },
        ...{ result: PICTURE.size, references: [], num_inference_steps: 1, passes: 1, tokens: null, flops: null },
        ...{ memory: null, draft: null, warnings: [] },
        seconds: { low: 1, median, high: 9, basis: 'history', samples: 3 },
      },
    ],
    queue: { waiting: 0, wait_seconds: null },
    warnings: [],
  });

it('the sizes of the pictures and what the form says are sent, but no prompt', async () => {
  const { asked, form, expected } = setUp(() => estimate(7));
  await vi.waitUntil(() => expected.value !== undefined);
  expect(expected.value?.model.seconds?.median).toBe(7);
  expect(asked[0]).toMatchObject({ images: [PICTURE.size] });
  expect(asked[0]).not.toHaveProperty('prompt');
  const loras = [{ name: 'sepia', scale: 1 }];
  const numbers = { num_inference_steps: 12 };
  form.value = { ...form.value, numbers, loras, preset: 'lightning-4', choices: { speed: 'fast' } };
  await vi.waitUntil(() => asked.length === 2);
  expect(asked[1]).toMatchObject({ ...numbers, lora: loras, preset: 'lightning-4', speed: 'fast' });
});

it('a service that refuses, or knows no estimates, leaves nothing to show', async () => {
  const { asked, expected, form } = setUp(() =>
    asked.length === 1 ? estimate(7) : Response.json({ code: 'not_found' }, { status: 404 }),
  );
  await vi.waitUntil(() => expected.value !== undefined);
  form.value = { ...form.value, numbers: { num_inference_steps: 2 } };
  await vi.waitUntil(() => expected.value === undefined);
  expect(asked).toHaveLength(2);
});

it('nobody is asked without a model or without the size of every picture', async () => {
  const { asked, pictures, model, expected } = setUp(() => estimate(7));
  await vi.waitUntil(() => expected.value !== undefined);
  pictures.value = [...pictures.value, { ...PICTURE, size: undefined } as unknown as EditorPicture];
  expect(expected.value).toBeUndefined();
  pictures.value = [];
  expect(expected.value).toBeUndefined();
  model.value = undefined;
  expect(asked).toHaveLength(1);
});
