import { expect, it } from 'vitest';
import { readEvents } from '../../packages/db/src/index.ts';
import { readObject } from '../../packages/storage/src/index.ts';
import { createEngines, resultWith } from './engine-double.ts';
import { createTestSetup, expectConsistent, PROMPT, startWorkers, submitEdit, untilStatus } from './harness.ts';

it('a job is edited, and its result, progress and timings are where the API reads them', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ request, hooks }) => {
    expect(request.parameters.prompt).toBe(PROMPT);
    expect(new TextDecoder().decode(request.images[0])).toMatch(/^picture /);
    expect(hooks.previewEvery).toBe(2);
    hooks.onStep?.({ stage: 'encode', step: 1, total: 1 });
    hooks.onStep?.({ stage: 'denoise', step: 1, total: 2 });
    hooks.onPreview?.({ step: 1, total: 2, width: 8, height: 4, mediaType: 'image/webp', bytes: new Uint8Array([1]) });
    hooks.onStep?.({ stage: 'denoise', step: 2, total: 2 });
    hooks.onStep?.({ stage: 'decode', step: 1, total: 1 });
    return resultWith('edited');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup);

  const { job, outputs } = await untilStatus(setup, id, 'succeeded');

  expect(job).toMatchObject({ attempt: 1, failures: 0, seed: '7', stage: 'decode', timings: { denoise_s: 0.3 } });
  expect(job.receipt).toMatchObject({ model: { name: 'double' } });
  expect(outputs).toMatchObject([{ position: 0, mediaType: 'image/png', width: 32, height: 16, bytes: 6 }]);
  const [{ key } = { key: '' }] = outputs;
  expect(key).toMatch(new RegExp(`^outputs/${id}/[0-9a-f]{32}/0\\.png$`));
  const bytes = await readObject(setup.store, key, { maxBytes: 100 });
  expect(new TextDecoder().decode(bytes)).toBe('edited');

  const events = await readEvents(setup.database.db, id, 0, 100);
  const types = events.map(({ type }) => type);
  expect(types.slice(0, 2)).toEqual(['job.queued', 'job.started']);
  expect(types.at(-1)).toBe('job.succeeded');
  expect(events.find(({ type }) => type === 'job.preview')?.data).toEqual({
    step: 1,
    total: 2,
    width: 8,
    height: 4,
    data_url: 'data:image/webp;base64,AQ==',
  });
  await expectConsistent(setup);
});

it('progress is written a few times a second, with the last step of every stage, and never delays the engine', async () => {
  const setup = await createTestSetup();
  const answers = new Set<unknown>();
  const engines = createEngines(async ({ hooks }) => {
    const report = (stage: 'encode' | 'denoise' | 'decode', step: number, total: number) =>
      answers.add(hooks.onStep?.({ stage, step, total }));
    for (let step = 1; step <= 1000; step++) report('encode', step, 1000);
    for (let step = 1; step <= 1000; step++) report('denoise', step, 1000);
    report('decode', 1, 1);
    return resultWith('edited');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  await untilStatus(setup, id, 'succeeded');

  const events = await readEvents(setup.database.db, id, 0, 100);
  const progress = events.filter(({ type }) => type === 'job.progress').map(({ data }) => data);
  expect(progress).toContainEqual({ stage: 'encode', step: 1000, total: 1000 });
  expect(progress).toContainEqual({ stage: 'denoise', step: 1000, total: 1000 });
  expect(progress.at(-1)).toEqual({ stage: 'decode', step: 1, total: 1 });
  expect(progress.length).toBeLessThan(6);
  // The engine is answered at once, before anything is written: it has nothing to wait for.
  expect([...answers]).toEqual([undefined]);
});

it('devices work side by side, each with an engine of its own, and are seen while they do', async () => {
  const setup = await createTestSetup();
  let together = 0;
  const both = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    if (++together === 2) both.resolve();
    await both.promise;
    return resultWith('edited');
  });
  const slots = [0, 1].map((gpuId) => ({ device: `cuda:${gpuId}`, gpuId }));
  const { stop } = startWorkers(setup, engines, {}, slots);
  const ids = await Promise.all([submitEdit(setup), submitEdit(setup)]);
  for (const id of ids) await untilStatus(setup, id, 'succeeded');

  const { rows } = await setup.database.pool.query('select device, gpu_id, ready, model from workers order by gpu_id');
  expect(rows).toMatchObject([
    { device: 'cuda:0', gpu_id: 0, ready: true, model: { name: 'double' } },
    { device: 'cuda:1', gpu_id: 1, ready: true, model: { name: 'double' } },
  ]);
  await stop();
  expect((await setup.database.pool.query('select from workers')).rowCount).toBe(0);
  expect(engines.seen).toMatchObject({ opened: 2, closed: 2 });
});
