import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { createPipeline, type EditResult, type Pipeline } from '../../packages/pipeline/src/index.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { pictures, pipelineFor, request } from './edits.ts';

/** LoRAs as requests name them: from the parameters through the engine's process to the receipt. */
const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-lora-requests-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KOHYA = join(import.meta.dirname, '../fixtures/loras/tiny-c/kohya.safetensors');
const COMFYUI = join(import.meta.dirname, '../fixtures/loras/tiny-c/comfyui.safetensors');
/** Of another width. */
const FOREIGN = join(import.meta.dirname, '../fixtures/loras/tiny-a/kohya.safetensors');

const modelDir = join(folder, 'model');
let pipeline: Pipeline;
let plain: EditResult;
beforeAll(async () => {
  cpSync(checkpointDir('tiny-c'), modelDir, { recursive: true });
  cpSync(KOHYA, join(modelDir, 'loras/own.safetensors'));
  const config = {
    loras: { own: { path: 'loras/own.safetensors', title: { en: 'Own', zh: '自带' } } },
    presets: [{ name: 'quick', num_inference_steps: 2, true_cfg_scale: 1, lora: [{ name: 'own', scale: 0.5 }] }],
  };
  writeFileSync(join(modelDir, 'edit_config.json'), JSON.stringify({ ...sizes(), ...config }));
  pipeline = await createPipeline({ modelDir, threads: 1 });
  plain = await pipeline.edit(request(3));
});
afterAll(() => pipeline.close());

const sizes = () => ({ vae_image_size: 4096, condition_image_size: 3136 });
const withLora = (lora: unknown, more: object = {}) => request(3, { lora, ...more } as never);
const used = ({ receipt }: EditResult) => receipt.loras.map(({ label, file, scale }) => [label, file, scale]);

it('a path, a name of the model folder and a text are the same LoRA', async () => {
  const byPath = await pipeline.edit(withLora([{ path: KOHYA, scale: 0.5 }]));
  const byName = await pipeline.edit(withLora([{ name: 'own', scale: 0.5 }]));
  const byText = await pipeline.edit(withLora('own@0.5'));
  expect(pictures(byPath)).not.toEqual(pictures(plain));
  expect([pictures(byName), pictures(byText)]).toEqual([pictures(byPath), pictures(byPath)]);
  expect(used(byPath)).toEqual([[KOHYA, 'kohya.safetensors', 0.5]]);
  expect(used(byName)).toEqual([['own', 'own.safetensors', 0.5]]);
  expect(byName.receipt.loras[0]!.sha256).toBe(byPath.receipt.loras[0]!.sha256);
});

it('a scale of 0 gives the bytes of the edit without it, also between others', async () => {
  await pipeline.edit(withLora('own'));
  const nothing = await pipeline.edit(withLora('own@0'));
  expect([pictures(nothing), nothing.receipt.loras]).toEqual([pictures(plain), []]);
});

it("a preset brings its LoRAs, before those of the request, and its steps, unless the request says others'", async () => {
  const quick = await pipeline.edit({
    ...request(3),
    parameters: { prompt: 'paint it', width: 64, height: 64, preset: 'quick' },
  });
  expect(used(quick)).toEqual([['own', 'own.safetensors', 0.5]]);
  expect(quick.receipt.parameters).toMatchObject({ preset: 'quick', num_inference_steps: 2, true_cfg_scale: 1 });
  const both = await pipeline.edit(withLora([{ path: COMFYUI }], { preset: 'quick' }));
  expect(used(both)).toEqual([
    ['own', 'own.safetensors', 0.5],
    [COMFYUI, 'comfyui.safetensors', 1],
  ]);
  expect(both.receipt.parameters).toMatchObject({ num_inference_steps: 3 });
});

it('the model tells its presets and the LoRAs that may be named', () => {
  expect(pipeline.model.presets).toEqual([expect.objectContaining({ name: 'quick', num_inference_steps: 2 })]);
  expect(pipeline.model.loras).toEqual([{ name: 'own', title: { en: 'Own', zh: '自带' } }]);
});

describe('what is refused, and the engine goes on', () => {
  it.each<[string, unknown, string, string]>([
    ['a name that there is not', 'other', 'lora_not_found', 'no LoRA other'],
    ['a repository, where nobody finds any', 'someone/some-lora', 'lora_not_found', 'no LoRA someone/some-lora'],
    ['a file that is not there', [{ path: '/nowhere/x.safetensors' }], 'lora_not_found', 'is not there'],
    ['a LoRA of another width', [{ path: FOREIGN }], 'lora_mismatch', 'channels; this model has'],
    ['a file of another kind', [{ path: import.meta.filename }], 'lora_invalid', 'its header claims'],
    ['a scale out of range', 'own@5', 'invalid_parameter', 'lora.0.scale must be at most 4'],
    ['a scale that is no number', 'own@strong', 'invalid_parameter', 'lora.0.scale must be a number'],
    ['twenty at once', Array.from({ length: 20 }, () => 'own'), 'invalid_parameter', 'lora must have at most 8 LoRAs'],
    ['two places for one', [{ name: 'own', path: KOHYA }], 'invalid_parameter', 'one of name, path and repo'],
    ['no place', [{ scale: 1 }], 'invalid_parameter', 'one of name, path and repo'],
    ['a field that there is not', [{ name: 'own', weight: 1 }], 'invalid_parameter', 'weight'],
    ['no list', 7, 'invalid_parameter', 'lora must be a list'],
  ])('%s', async (_name, lora, code, message) => {
    const { pid } = await pipeline.stats();
    await expectRefusal(pipeline.edit(withLora(lora)), code as never, message);
    expect((await pipeline.stats()).pid).toBe(pid);
  });

  it('a preset that the model does not have, with those that it has', async () => {
    await expectRefusal(
      pipeline.edit(withLora(undefined, { preset: 'slow' })),
      'invalid_parameter',
      'standard, draft, quick',
    );
  });

  it('and the next edit is as before', async () => {
    expect(pictures(await pipeline.edit(request(3)))).toEqual(pictures(plain));
  });
});

it('who resolves LoRAs decides what may be used, and a file that is replaced while it waits is read as it is then', async () => {
  const asked: unknown[] = [];
  const guarded = await pipelineFor({
    modelDir,
    async resolveLora(lora) {
      asked.push(lora);
      if (lora.repo === 'someone/allowed') return COMFYUI;
      throw new AppError('lora_refused', 'Not this one.');
    },
  });
  const allowed = await guarded.edit(withLora('someone/allowed@0.7'));
  expect(used(allowed)).toEqual([['someone/allowed', 'comfyui.safetensors', 0.7]]);
  await expectRefusal(guarded.edit(withLora([{ path: KOHYA }])), 'lora_refused', 'Not this one');
  // The model's own need no permission.
  expect(used(await guarded.edit(withLora('own')))).toHaveLength(1);
  expect(asked).toEqual([
    { repo: 'someone/allowed', scale: 0.7 },
    { path: KOHYA, scale: 1 },
  ]);
});

it('LoRAs of every edit come from the options and from the model folder, and one that does not fit ends the start', async () => {
  const always = await pipelineFor({ modelDir, loras: [{ name: 'own', scale: 0.5 }] });
  const result = await always.edit(request(3));
  expect(used(result)).toEqual([['own', 'own.safetensors', 0.5]]);
  expect(pictures(result)).toEqual(pictures(await pipeline.edit(withLora('own@0.5'))));
  await expectRefusal(
    createPipeline({ modelDir, threads: 1, loras: [{ path: FOREIGN, scale: 1 }] }),
    'lora_mismatch',
    'channels',
  );
});
