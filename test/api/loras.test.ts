import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { reportWorker } from '../../packages/db/src/index.ts';
import { picture, sharedApi, startTestApi, submitJson, type TestApi } from './harness.ts';

const PULL = 'Run `qwen-edit model pull owner/loras`.';
const MODEL = {
  ...{ name: 'm', digest: 'sha256:m', demo: false, num_inference_steps: 40, true_cfg_scale: 4, min_inference_steps: 2 },
  ...{ vae_image_size: 1024 ** 2, condition_image_size: 384 ** 2, output_image_size: 1024 ** 2 },
  ...{ reference_size: 'area', size_multiple: 16, device: 'cpu', precision: 'fp32' },
  presets: [
    {
      ...{ name: 'lightning-4', num_inference_steps: 4, true_cfg_scale: 1 },
      schedule: { base_shift: 1, max_shift: 1, shift_terminal: null },
      lora: [{ repo: 'owner/loras', scale: 1 }],
    },
    { name: 'one', num_inference_steps: 1 },
    { name: 'gone', unavailable: `owner/gone has not been pulled. ${PULL}` },
    { name: 'there', unavailable: 'not on this worker' },
  ],
  loras: [{ name: 'sketch' }, { name: 'ink', unavailable: 'The file of the LoRA ink is not there.' }],
};
const OTHER = { ...MODEL, presets: [{ name: 'there' }], loras: [{ name: 'watercolour' }] };

const report = ({ database }: Pick<TestApi, 'database'>, model: object, id: string): Promise<void> =>
  reportWorker(database.db, {
    ...{ id, host: 'a', pid: 1, device: 'cpu', gpuId: null, ready: true, lastError: null },
    model: { ...model },
  });

const options = { limits: { statusCachedMs: 0 } };
const server = sharedApi(options);
// A worker that has not reported for a while counts as gone.
beforeEach(async () => {
  await report(server(), MODEL, 'worker_a');
  await report(server(), OTHER, 'worker_b');
});

async function submit(more: object, api = server()) {
  const response = await submitJson(api, { prompt: 'x', images: [(await picture()).toString('base64')], ...more });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Parts of a form, each of its own, as curl sends `-F name=value`. */
async function submitForm(parts: readonly (readonly [string, string])[], path = '/v1/jobs') {
  const form = new FormData();
  form.set('image', new Blob([Uint8Array.from(await picture())]), 'a.png');
  for (const [name, value] of parts) form.append(name, value);
  const response = await fetch(`${server().url}${path}`, { method: 'POST', body: form });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('an edit may ask for', () => {
  it('a preset, LoRAs and a speed, which are kept as they were said', async () => {
    const lora = [
      { name: 'sketch', scale: 0.5 },
      { repo: 'owner/any', file: 'a.safetensors' },
    ];
    const { status, body } = await submit({ preset: 'lightning-4', lora, speed: 'balanced' });
    expect(status, JSON.stringify(body)).toBe(202);
    expect(body.input).toMatchObject({
      ...{ prompt: 'x', preset: 'lightning-4', speed: 'balanced' },
      lora: [lora[0], { ...lora[1], scale: 1 }],
    });
  });

  it('LoRAs as text, also in JSON', async () => {
    const { body } = await submit({ lora: 'sketch@0.5,watercolour' });
    expect(body.input).toMatchObject({
      lora: [
        { name: 'sketch', scale: 0.5 },
        { name: 'watercolour', scale: 1 },
      ],
    });
  });

  it.each<[string, [string, string][]]>([
    ['one part with a text', [['lora', 'sketch@0.5,watercolour']]],
    [
      'a part for each',
      [
        ['lora', 'sketch@0.5'],
        ['prompt', 'x'],
        ['lora', 'watercolour'],
      ],
    ],
    ['JSON', [['lora', '[{"name":"sketch","scale":0.5},"watercolour"]']]],
    [
      'JSON of one and a text',
      [
        ['lora', '{"name":"sketch","scale":0.5}'],
        ['lora', 'watercolour@1'],
      ],
    ],
    ['params', [['params', '{"lora":["sketch@0.5",{"name":"watercolour"}]}']]],
  ])('LoRAs in a form: %s', async (_, parts) => {
    const all = parts.some(([name]) => name === 'prompt') ? parts : [...parts, ['prompt', 'x'] as const];
    const { status, body } = await submitForm(all);
    expect(status, JSON.stringify(body)).toBe(202);
    expect(body.input).toMatchObject({
      lora: [
        { name: 'sketch', scale: 0.5 },
        { name: 'watercolour', scale: 1 },
      ],
    });
  });

  it('a preset that one of the workers can use', async () => {
    expect((await submit({ preset: 'there' })).status).toBe(202);
    expect((await submit({ lora: [{ name: 'ink', scale: 0 }] })).status).toBe(202);
  });

  it('as few steps as the schedule of its preset allows', async () => {
    expect((await submit({ preset: 'lightning-4', num_inference_steps: 1 })).status).toBe(202);
    expect(await submit({ num_inference_steps: 1 })).toMatchObject({ status: 400, body: { code: 'steps_too_few' } });
    expect(await submit({ preset: 'one' })).toMatchObject({ status: 400, body: { code: 'steps_too_few' } });
  });
});

describe('is refused before anything is stored', () => {
  it.each<[string, object, object]>([
    [
      'a preset that the model does not have, with those that it has',
      { preset: 'lightning-8' },
      {
        code: 'invalid_parameter',
        errors: [
          {
            path: 'preset',
            code: 'not_one_of',
            parameters: { choices: ['standard', 'draft', 'lightning-4', 'one', 'gone', 'there'] },
          },
        ],
      },
    ],
    [
      'a preset that no worker can use, with the reason',
      { preset: 'gone' },
      { code: 'lora_not_found', detail: expect.stringContaining('owner/gone has not been pulled') },
    ],
    [
      'a name that nobody offers, with the nearest',
      { lora: [{ name: 'skech' }] },
      { code: 'lora_not_found', detail: 'No worker offers a LoRA skech. Did you mean sketch?' },
    ],
    ['a name that no worker can use', { lora: 'ink' }, { code: 'lora_not_found' }],
    [
      'twenty LoRAs',
      { lora: Array.from({ length: 20 }, () => ({ name: 'sketch' })) },
      { code: 'invalid_parameter', errors: [{ path: 'lora', code: 'too_many' }] },
    ],
    [
      'a scale out of range',
      { lora: [{ name: 'sketch', scale: 5 }] },
      { code: 'invalid_parameter', errors: [{ path: 'lora.0.scale', code: 'too_large' }] },
    ],
    ['a scale that is no number', { lora: 'sketch@strong' }, { code: 'invalid_parameter' }],
    [
      'a name and a path',
      { lora: [{ name: 'sketch', path: '/a.safetensors' }] },
      { code: 'invalid_parameter', detail: expect.stringContaining('one of name, path and repo') },
    ],
    ['none of them', { lora: [{ scale: 1 }] }, { code: 'invalid_parameter' }],
    ['a file without a repo', { lora: [{ name: 'sketch', file: 'a.safetensors' }] }, { code: 'invalid_parameter' }],
    ['another word for a speed', { speed: 'quick' }, { errors: [{ path: 'speed', code: 'not_one_of' }] }],
    ['a field that others have', { loras: ['sketch'] }, { detail: expect.stringMatching(/mean `lora`/) }],
    ['a field that others have', { lora_scale: 0.5 }, { detail: expect.stringMatching(/mean `lora`/) }],
    ['a field that others have', { speed_mode: 'fast' }, { detail: expect.stringMatching(/mean `speed`/) }],
  ])('%s', async (_, more, wanted) => {
    const { status, body } = await submit(more);
    expect(status).toBe(400);
    expect(body).toMatchObject(wanted);
  });

  it('of an estimate too', async () => {
    const ask = async (body: object) => {
      const response = await fetch(`${server().url}/v1/estimate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    expect(await ask({ preset: 'lightning-8' })).toMatchObject({ code: 'invalid_parameter' });
    expect(await ask({ lora: 'skech' })).toMatchObject({ code: 'lora_not_found' });
    const { models } = await ask({ preset: 'lightning-4' });
    expect(models).toMatchObject([{ num_inference_steps: 4, passes: 1 }]);
  });
});

it('GET /v1/models lists presets and LoRAs, each usable if one worker can use it', async () => {
  const { data } = (await (await fetch(`${server().url}/v1/models`)).json()) as {
    data: { presets: { name: string; unavailable?: string }[]; loras: { name: string }[] }[];
  };
  expect(data).toHaveLength(1);
  const [{ presets, loras } = { presets: [], loras: [] }] = data;
  const usable = presets.filter(({ unavailable }) => unavailable === undefined).map(({ name }) => name);
  expect(usable).toEqual(['standard', 'draft', 'lightning-4', 'one', 'there']);
  expect(presets.find(({ name }) => name === 'gone')?.unavailable).toContain(PULL);
  expect(loras.map(({ name }) => name)).toEqual(['sketch', 'ink', 'watercolour']);
});

it('of a worker that tells nothing of presets, as while its model is downloaded, any is taken', async () => {
  const api = await startTestApi(options);
  await report(api, { name: 'm' }, 'worker_a');
  expect((await submit({ preset: 'lightning-4', lora: 'sketch' }, api)).status).toBe(202);
});

it('the description of the interface tells what a preset, a LoRA and a speed may be', async () => {
  const body = server().api.openApi().paths?.['/v1/jobs']?.post?.requestBody;
  const schema = body !== undefined && 'content' in body ? body.content['application/json']?.schema : undefined;
  const { properties } = z.object({ properties: z.record(z.string(), z.unknown()) }).parse(schema);
  expect(properties).toMatchObject({
    speed: { enum: ['exact', 'balanced', 'fast'] },
    preset: { type: 'string', pattern: expect.any(String) },
    lora: { type: 'array', maxItems: 8, items: { type: 'object', properties: { scale: { minimum: -4, maximum: 4 } } } },
  });
});
