import { beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../packages/client/src/index.ts';
import { estimateSchema, type ModelShape } from '../../packages/contract/src/index.ts';
import { createApiKey, createDatabase, reportWorker, succeedJob } from '../../packages/db/src/index.ts';
import { knownModelShape } from '../../packages/pipeline/src/index.ts';
import { claim, picture, sharedApi, startTestApi, submitJson, submitOne, type TestApi } from './harness.ts';

const GIB = 2 ** 30;
const shape: ModelShape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const MODEL = {
  name: 'Qwen-Image-Edit-2511',
  digest: 'sha256:real',
  demo: false,
  num_inference_steps: 40,
  true_cfg_scale: 4,
  min_inference_steps: 1,
  vae_image_size: 1024 * 1024,
  condition_image_size: 384 * 384,
  output_image_size: 1024 * 1024,
  reference_size: 'area',
  size_multiple: 16,
  device: 'cpu',
  precision: 'fp32',
  shape,
  machine: { memory_bytes: 64 * GIB, threads: 8 },
};

const report = ({ database }: Pick<TestApi, 'database'>, model: object = MODEL, id = 'worker_a'): Promise<void> =>
  reportWorker(database.db, {
    ...{ id, host: 'a', pid: 1, device: 'cpu', gpuId: null, ready: true, lastError: null },
    model: { ...model },
  });

async function ask(api: Pick<TestApi, 'url'>, body?: unknown) {
  const response = await fetch(`${api.url}/v1/estimate`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function estimateOf(api: Pick<TestApi, 'url'>, body?: unknown) {
  const { status, body: answer } = await ask(api, body);
  expect(status, JSON.stringify(answer)).toBe(200);
  return estimateSchema.parse(answer);
}

describe('without a history', () => {
  const server = sharedApi({ limits: { statusCachedMs: 60_000 } });
  beforeAll(() => report(server()));

  it('arithmetic tells sizes, tokens, operations, memory and the order of the time', async () => {
    const { models, queue, warnings } = await estimateOf(server());
    expect(queue).toEqual({ waiting: 0, wait_seconds: 0 });
    expect(warnings).toEqual([]);
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      ...{
        id: 'Qwen-Image-Edit-2511',
        digest: 'sha256:real',
        device: 'cpu',
        precision: 'fp32',
        ready: true,
        workers: 1,
      },
      result: { width: 1024, height: 1024 },
      references: [{ width: 1024, height: 1024 }],
      ...{ num_inference_steps: 40, passes: 2 },
      tokens: { target: 4096, references: 4096 },
      memory: { verdict: 'fits', memory_bytes: 64 * GIB, alternatives: [] },
      seconds: { basis: 'arithmetic', samples: 0 },
      draft: { result: { width: 512, height: 512 } },
    });
    const { flops, seconds } = models[0]!;
    expect(seconds!.median).toBeCloseTo(flops!.total / (8 * 100e9), 3);
    expect(models[0]!.warnings).toEqual([
      expect.stringMatching(
        /^On a CPU this edit takes about .+ \(a rough figure\); the preset draft takes about .+\.$/,
      ),
    ]);
  });

  it('it follows the parameters, under their other names too, and the sizes of the pictures', async () => {
    const images = [
      { width: 300, height: 200 },
      { width: 1600, height: 900 },
    ];
    const asked = { images, steps: 10, true_cfg_scale: 1, size: '512x288', reference_size: 'output', seed: 7 };
    const [model] = (await estimateOf(server(), { prompt: 'make it blue', ...asked })).models;
    expect(model).toMatchObject({
      result: { width: 512, height: 288 },
      references: [
        { width: 512, height: 288 },
        { width: 512, height: 288 },
      ],
      ...{ num_inference_steps: 10, passes: 1 },
      tokens: { target: 32 * 18, references: 2 * 32 * 18 },
    });
  });

  it('a quick edit has no word about drafts', async () => {
    const [model] = (await estimateOf(server(), { preset: 'draft', num_inference_steps: 1, true_cfg_scale: 1 })).models;
    expect(model).toMatchObject({ draft: null, warnings: [] });
  });

  it('the client of the package reads it', async () => {
    const client = createClient({ baseUrl: server().url });
    const estimate = await client.estimate({ images: [{ width: 640, height: 480 }], parameters: { preset: 'draft' } });
    expect(estimate.models[0]?.result).toEqual({ width: 576, height: 448 });
  });

  it.each<[string, unknown, object]>([
    ['an unknown field', { prompts: 'x' }, { code: 'invalid_parameter' }],
    ['a picture in place of its size', { images: ['aGk='] }, { code: 'invalid_parameter' }],
    ['no picture', { images: [] }, { code: 'invalid_parameter' }],
    ['nine pictures', { images: Array(9).fill({ width: 8, height: 8 }) }, { code: 'invalid_parameter' }],
    ['a side of 0', { images: [{ width: 0, height: 8 }] }, { code: 'invalid_parameter' }],
    ['a side of 1e9', { images: [{ width: 1e9, height: 8 }] }, { code: 'invalid_parameter' }],
    ['a side below the model’s multiple', { width: 7 }, { errors: [expect.objectContaining({ path: 'width' })] }],
    ['a picture too narrow for the model', { images: [{ width: 1, height: 4000 }] }, { code: 'image_ratio' }],
    ['no steps', { steps: 0 }, { code: 'invalid_parameter' }],
    ['steps under two names', { steps: 3, num_inference_steps: 4 }, { code: 'invalid_parameter' }],
    ['a prompt that is too long', { prompt: 'x'.repeat(10_001) }, { code: 'invalid_parameter' }],
    ['no JSON', '{', { code: 'request_malformed' }],
    ['a list', [], { code: 'invalid_parameter' }],
  ])('%s is refused', async (_, body, expected) => {
    const { status, body: problem } = await ask(server(), body);
    expect(status).toBe(400);
    expect(problem).toMatchObject(expected);
  });

  it('the longest prompts are taken, in any script', async () => {
    await estimateOf(server(), { prompt: '猫'.repeat(10_000), negative_prompt: '狗'.repeat(10_000) });
  });
});

it('without a worker nothing is known, and that is said', async () => {
  const api = await startTestApi();
  const estimate = await estimateOf(api);
  expect(estimate.models).toEqual([]);
  expect(estimate.warnings).toEqual(['No worker is running, so that nothing is known of its model.']);
});

it('of a worker of an older version only sizes are known, and a shape of a later one counts as none', async () => {
  const api = await startTestApi({ limits: { statusCachedMs: 0 } });
  const { shape: _shape, machine: _machine, reference_size: _reference, ...old } = MODEL;
  for (const model of [old, { ...old, shape: { transformer: 7 }, machine: 'large' }]) {
    await report(api, model);
    const [known] = (await estimateOf(api)).models;
    expect(known).toMatchObject({ result: { width: 1024, height: 1024 }, tokens: null, memory: null, seconds: null });
  }
});

it('workers of one model that compute in other precisions are estimated apart, and listed as one model', async () => {
  const api = await startTestApi();
  await report(api);
  await report(api, { ...MODEL, precision: 'w8a8' }, 'worker_b');
  const { models } = await estimateOf(api);
  expect(models.map(({ precision, memory }) => [precision, memory?.precision])).toEqual([
    ['fp32', 'fp32'],
    ['w8a8', 'w8a8'],
  ]);
  const { data } = await createClient({ baseUrl: api.url }).models();
  expect(data).toMatchObject([{ workers: 2, precisions: ['fp32', 'w8a8'] }]);
});

it('of several workers of a model, the one with the least memory counts', async () => {
  const api = await startTestApi();
  await report(api);
  await report(api, { ...MODEL, machine: { memory_bytes: 20 * GIB, threads: 2 } }, 'worker_b');
  const [model] = (await estimateOf(api)).models;
  expect(model).toMatchObject({ workers: 2, memory: { verdict: 'streams', memory_bytes: 20 * GIB } });
  expect(model?.warnings[0]).toContain('read from disk in each step');
});

it('while the database is away it is 503', async () => {
  const api = await startTestApi({ database: createDatabase({ url: 'postgres://x:x@127.0.0.1:1/x' }) });
  expect(await ask(api)).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
});

it('a key that may only read is refused', async () => {
  const api = await startTestApi();
  const { secret: key } = await createApiKey(api.database.db, { name: 'k', owner: 'o', scopes: ['read'] });
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(`${api.url}/v1/estimate`, { method: 'POST', headers });
  expect(response.status).toBe(403);
});

/** A job of this model, done in so many seconds. */
async function madeIn(api: TestApi, denoise_s: number, { digest = MODEL.digest, steps = 40 } = {}): Promise<void> {
  const { id } = await submitOne(api);
  const lease = await claim(api.database, id);
  const parameters = {
    ...{ prompt: 'make it blue', negative_prompt: ' ', num_inference_steps: steps, true_cfg_scale: 4, seed: '0' },
    ...{ guidance_scale: 1, num_images_per_prompt: 1, max_side: 768, width: 1024, height: 1024, output_format: 'png' },
  };
  const images = [{ sha256: 'a', width: 1024, height: 1024, reference: { width: 1024, height: 1024 } }];
  const receipt = { model: { name: 'm', digest, demo: false }, parameters, images, precision: 'fp32', device: 'cpu' };
  const timings = { load_s: 1, encode_s: 20, denoise_s, decode_s: 10, total_s: denoise_s + 30 };
  await succeedJob(api.database.db, lease, { seed: '0', warnings: [], receipt, timings, outputs: [] });
}

describe('with a history', () => {
  it('the time is that of edits which this model has made, scaled by their operations', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 0 } });
    await report(api);
    for (const seconds of [900, 1000, 1100]) await madeIn(api, seconds);
    // Half the steps in half the time; and what another model does tells nothing.
    await madeIn(api, 500, { steps: 20 });
    await madeIn(api, 7, { digest: 'sha256:other' });
    const prompt = 'make it blue';
    const [model] = (await estimateOf(api, { prompt })).models;
    expect(model?.seconds).toMatchObject({ basis: 'history', samples: 4 });
    expect(model!.seconds!.median).toBeCloseTo(1030, 0);
    expect(model!.seconds!.low).toBeLessThan(1000);
    expect(model!.seconds!.high).toBeGreaterThan(1060);
    const [half] = (await estimateOf(api, { prompt, steps: 20 })).models;
    expect(half!.seconds!.median).toBeCloseTo(530, 0);
    const { data } = await createClient({ baseUrl: api.url }).models();
    expect(data[0]?.usual_seconds).toMatchObject({ basis: 'history', samples: 4 });
  });

  it('a receipt of another form is passed over', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 0 } });
    await report(api);
    const receipts = [
      {},
      { model: { digest: MODEL.digest }, device: 'cpu', precision: 'fp32', parameters: { width: 'x' } },
    ];
    for (const receipt of receipts) {
      const lease = await claim(api.database, (await submitOne(api)).id);
      await succeedJob(api.database.db, lease, { seed: '0', warnings: [], receipt, timings: {}, outputs: [] });
    }
    const [model] = (await estimateOf(api)).models;
    expect(model?.seconds).toMatchObject({ basis: 'arithmetic' });
  });

  it('jobs that wait are counted, and each takes as long as the last ones', async () => {
    const api = await startTestApi({ limits: { statusCachedMs: 0 } });
    await report(api);
    await madeIn(api, 1);
    for (let i = 0; i < 3; i++) await submitOne(api);
    const { queue } = await estimateOf(api);
    expect(queue.waiting).toBe(3);
    expect(queue.wait_seconds).toBeGreaterThanOrEqual(0);
    expect(queue.wait_seconds).not.toBeNull();
  });
});

it('a job is told at its submission that it takes hours, what takes less, and that a small max_side does not', async () => {
  const api = await startTestApi();
  await report(api);
  const job = await submitOne(api);
  const warning = expect.stringContaining('the preset draft takes about');
  expect(job.warnings).toEqual([warning]);
  const stored = await (await fetch(`${api.url}/v1/jobs/${job.id}`)).json();
  expect(stored).toMatchObject({ status: 'queued', warnings: [warning] });
  const hopeful = { prompt: 'x', images: [(await picture()).toString('base64')], max_side: 512 };
  expect(await (await submitJson(api, hopeful)).json()).toMatchObject({
    warnings: [expect.stringContaining('max_side 512 bounds each picture'), warning],
  });
  const quick = {
    prompt: 'x',
    images: [(await picture()).toString('base64')],
    preset: 'draft',
    steps: 1,
    true_cfg_scale: 1,
  };
  expect(await (await submitJson(api, quick)).json()).toMatchObject({ warnings: [] });
});

it('GET /v1/models tells what a model can take', async () => {
  const api = await startTestApi({ limits: { statusCachedMs: 0 } });
  const limitsOf = async () => (await createClient({ baseUrl: api.url }).models()).data[0]?.limits;
  await report(api);
  expect(await limitsOf()).toEqual({
    ...{ min_inference_steps: 1, size_multiple: 16, max_images: 8, max_side: 4096 },
    largest_output_area: 4096 ** 2,
  });
  await report(api, { ...MODEL, machine: { memory_bytes: 4 * GIB, threads: 2 } });
  const limits = await limitsOf();
  expect(limits?.largest_output_area).toBeGreaterThan(1024 ** 2);
  expect(limits?.largest_output_area).toBeLessThan(4096 ** 2);
});
