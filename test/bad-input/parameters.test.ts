import { type EditParametersInput, LIMITS, parseEditParameters } from '@qwen-edit/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPipeline, type EditResult, type Pipeline } from '../../packages/pipeline/src/index.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { expectRefusal } from './refusals.ts';

const image = inputBytes('sq_72x72');
const small = { prompt: 'x', num_inference_steps: 1, true_cfg_scale: 1, width: 64, height: 64 };
const SEED_RULE = 'from 0 to 18446744073709551615, or -1';

let pipeline: Pipeline;
let pid = 0;
/** Parameters as callers without types may send them. */
const edit = (parameters: unknown): Promise<EditResult> =>
  pipeline.edit({ images: [image], parameters: parameters as EditParametersInput });
beforeAll(async () => {
  pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), threads: 1 });
  pid = (await pipeline.stats()).pid;
});
afterAll(() => pipeline.close());

describe.each([
  ['the contract', async (parameters: unknown) => parseEditParameters(parameters)],
  ['an edit', edit],
] as const)('%s refuses a wrong parameter by its name', (_, act) => {
  it.each<[string, unknown, string]>([
    ['num_inference_steps', 0, 'at least 1'],
    ['num_inference_steps', 101, 'at most 100'],
    ['num_inference_steps', 40.5, 'whole number'],
    ['num_inference_steps', Number.NaN, 'whole number'],
    ['num_inference_steps', Number.POSITIVE_INFINITY, 'whole number'],
    ['num_inference_steps', '40', 'whole number'],
    ['num_inference_steps', [40], 'whole number'],
    ['num_inference_steps', null, 'whole number'],
    ['true_cfg_scale', -0.1, 'at least 0'],
    ['true_cfg_scale', 101, 'at most 100'],
    ['true_cfg_scale', Number.NaN, 'a number'],
    ['true_cfg_scale', Number.POSITIVE_INFINITY, 'number'],
    ['true_cfg_scale', '4', 'a number'],
    ['guidance_scale', [], 'a number'],
    ['seed', -2, SEED_RULE],
    ['seed', '-2', SEED_RULE],
    ['seed', '18446744073709551616', SEED_RULE],
    ['seed', 2 ** 53, 'inexact'],
    ['seed', 2 ** 53 + 2, 'inexact'],
    ['seed', 2 ** 64, 'inexact'],
    ['seed', 1.5, SEED_RULE],
    ['seed', Number.NaN, SEED_RULE],
    ['seed', '1e3', SEED_RULE],
    ['seed', '0x10', SEED_RULE],
    ['seed', '', SEED_RULE],
    ['seed', 5n, SEED_RULE],
    ['seed', ['1'], SEED_RULE],
    ['num_images_per_prompt', 0, 'at least 1'],
    ['num_images_per_prompt', 9, 'at most 8'],
    ['max_side', -1, 'at least 0'],
    ['width', 0, 'at least 1'],
    ['height', 4097, 'at most 4096'],
    ['output_format', 'gif', 'png'],
    ['prompt', ['x'], 'must be a text'],
    ['prompt', undefined, 'is missing'],
    ['negative_prompt', 5, 'must be a text'],
    ['negative_prompt', Number.NaN, 'must be a text'],
    ['steps', 4, 'is not a known field'],
    ['constructor', 4, 'is not a known field'],
  ])('%s: %s', async (name, value, says) => {
    await expectRefusal(act({ ...small, [name]: value }), 'invalid_parameter', name, says);
  });

  it('__proto__ is an unknown field', async () => {
    const parameters: unknown = JSON.parse('{ "prompt": "x", "__proto__": { "num_inference_steps": 1 } }');
    await expectRefusal(act(parameters), 'invalid_parameter', '__proto__');
  });

  it.each([null, undefined, 'x', [], 5])('%j instead of parameters', async (parameters) => {
    await expectRefusal(act(parameters), 'invalid_parameter', 'The parameters');
  });

  it.each(['', ' ', '\n\t\u3000'])('the prompt %j', async (prompt) => {
    await expectRefusal(act({ ...small, prompt }), 'prompt_empty', 'empty or blank');
  });

  it.each(['prompt', 'negative_prompt'])('a %s of 100 KB', async (name) => {
    const long = 'word '.repeat(20_000);
    await expectRefusal(act({ ...small, [name]: long }), 'prompt_too_long', name, String(LIMITS.promptCharacters));
  });
});

describe('what a model cannot do with good parameters', () => {
  it.each(['width', 'height'])('a %s below twice the VAE factor', async (name) => {
    await expectRefusal(edit({ ...small, [name]: 7 }), 'invalid_parameter', name, 'at least 8', 'not 7');
  });

  it('more tokens than there are positions, within the limit of characters', async () => {
    const prompt = '龘'.repeat(LIMITS.promptCharacters);
    await expectRefusal(edit({ ...small, prompt }), 'prompt_too_long', '4096');
  });

  it('one step with a terminal shift', async () => {
    const demo = await createPipeline({ modelDir: checkpointDir('tiny-a'), threads: 1 });
    try {
      const one = demo.edit({ images: [image], parameters: { ...small, width: 32, height: 32 } });
      await expectRefusal(one, 'steps_too_few', '1 step', 'shift_terminal');
    } finally {
      await demo.close();
    }
  });
});

describe('seeds are exact', () => {
  it.each([
    ['00', '0'],
    [' 7 ', '7'],
    [1e3, '1000'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['18446744073709551615', '18446744073709551615'],
  ])('%j is %s', async (seed, wanted) => {
    expect((await edit({ ...small, seed })).seed).toBe(wanted);
  });
});

it('after all this the same engine process edits', async () => {
  await expectRefusal(edit({ ...small, prompt: '' }), 'prompt_empty');
  expect((await edit(small)).outputs).toHaveLength(1);
  expect((await pipeline.stats()).pid).toBe(pid);
});
