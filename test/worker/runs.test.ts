import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { readEvents } from '../../packages/db/src/index.ts';
import { readObject } from '../../packages/storage/src/index.ts';
import { until } from '../support/until.ts';
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

it('the edits of one owner may find each other’s encodings, and nobody else’s; the engine learns no name', async () => {
  const setup = await createTestSetup();
  const scopes = new Map<string, string | undefined>();
  startWorkers(
    setup,
    createEngines(async ({ request }) => {
      scopes.set(new TextDecoder().decode(request.images[0]), request.cacheScope);
      return resultWith('edited');
    }),
  );
  for (const owner of ['ann', 'ann', 'bob']) await untilStatus(setup, await submitEdit(setup, { owner }), 'succeeded');
  const [first, second, third] = [...scopes.values()];
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  for (const scope of [first, third]) expect(scope).toMatch(/^[0-9a-f]{64}$/);
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

it('lines of an attempt tell its job, request, duration, stages and error, and never a prompt', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks, number }) => {
    hooks.onStep?.({ stage: 'encode', step: 1, total: 1 });
    if (number === 1) throw new AppError('engine_failed', 'The device said no.');
    return resultWith('edited');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup, { requestId: 'req_of_ann' });
  await untilStatus(setup, id, 'succeeded');
  const ended = () => setup.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'an attempt has ended');
  await until(() => ended().length === 2);
  const facts = { job_id: id, request_id: 'req_of_ann', owner: 'ann', duration_ms: expect.any(Number) };
  expect(ended()).toEqual([
    expect.objectContaining({
      ...{ ...facts, attempt: 1, outcome: 'retried', code: 'engine_failed', error: 'The device said no.' },
      stage_seconds: { encode: expect.any(Number) },
    }),
    expect.objectContaining({
      ...{ ...facts, attempt: 2, outcome: 'succeeded' },
      stage_seconds: { encode: 0.2, denoise: 0.3, decode: 0.4 },
    }),
  ]);
  const { rows } = await setup.database.pool.query(
    `select data -> 'error' as error from job_events where type = 'job.retrying'`,
  );
  expect(rows[0].error, 'callers read events: the error’s own words stay in the log').toMatchObject({
    code: 'engine_failed',
    message: 'The engine could not do its work.',
  });
});
