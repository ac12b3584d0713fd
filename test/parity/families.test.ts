import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { AppError } from '@qwen-edit/contract';
import { beforeAll, describe, expect, it } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { PLUS_FAMILY } from '../../packages/pipeline/src/hub/families.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { inspectModel } from '../../packages/pipeline/src/index.ts';
import { createPromptEncoder } from '../../packages/pipeline/src/text/prompt.ts';
import { changeJson, copyOf } from '../bad-input/model-copies.ts';
import { checkpointDir, type GoldenEdit, golden, inputBytes, psnr, readGoldenJson } from './goldens.ts';

const CASE = 'shrunk_input_cfg_without_negative';
const PSNR_DB = 60;

describe('the first Qwen-Image-Edit', () => {
  const wanted = readGoldenJson<GoldenEdit>(golden('edits', 'first-edit', `${CASE}.json`));
  let model: LoadedModel;
  beforeAll(async () => {
    const pause = async (): Promise<void> => undefined;
    model = await loadModel(checkpointDir('first-edit'), { threads: availableParallelism(), pause });
  });

  /** The golden edit, done by this model; how near its picture comes to that of diffusers, in dB. */
  async function likeness(by: LoadedModel): Promise<number> {
    const { images, height, width, ...parameters } = wanted.arguments;
    const { outputs, receipt } = await runEdit(by, {
      images: images.map(inputBytes),
      parameters: { ...parameters, height: height!, width: width! },
    });
    expect(receipt.model.pipeline).toBe('QwenImageEditPipeline');
    return psnr(outputs[0]!.bytes, readFileSync(golden('edits', 'first-edit', wanted.output.pictures[0]!)));
  }

  it('makes another picture with the words, or with the small picture, of the later class', async () => {
    const { file, config } = model.folder.tokenizer;
    const otherWords = { ...model, prompt: createPromptEncoder(file, config, PLUS_FAMILY) };
    expect(await likeness(otherWords)).toBeLessThan(PSNR_DB - 20);
    const { condition_image_size } = wanted;
    const small = PLUS_FAMILY.conditionArea(condition_image_size);
    expect(small).toBeLessThan(condition_image_size);
    const edit = { ...model.folder.edit, condition_image_size: small };
    expect(await likeness({ ...model, folder: { ...model.folder, edit } })).toBeLessThan(PSNR_DB - 20);
  });

  it('takes one picture: more are refused before anything is decoded', async () => {
    const images = [new Uint8Array([1]), new Uint8Array([2])];
    const refusal = await runEdit(model, { images, parameters: { prompt: 'x' } }).catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(AppError);
    expect(refusal).toMatchObject({
      code: 'invalid_parameter',
      message: 'images must have at most 1 picture with this model, not 2.',
      errors: [{ path: 'images', code: 'too_many', parameters: { max: 1 } }],
    });
  });

  it('tells how many pictures it takes, and how large the text encoder sees them', async () => {
    const facts = await inspectModel(checkpointDir('first-edit'));
    expect(facts).toMatchObject({ max_images: 1, vae_image_size: 1024 ** 2, condition_image_size: 1024 ** 2 });
    expect(await inspectModel(checkpointDir('edit-2509'))).toMatchObject({
      max_images: 8,
      condition_image_size: 384 ** 2,
    });
  });
});

describe('what decides is the class in model_index.json', () => {
  it('the same files under another class have another digest, and edit_config.json comes before the class', async () => {
    const dir = await copyOf('first-edit');
    const first = await openModelFolder(dir);
    await changeJson(dir, 'edit_config.json', (json) => {
      json.vae_image_size = 65_536;
    });
    const smaller = await openModelFolder(dir);
    expect(smaller.edit).toMatchObject({ vae_image_size: 65_536, condition_image_size: 65_536 });
    await changeJson(dir, 'edit_config.json', (json) => {
      json.condition_image_size = 36_864;
    });
    expect((await openModelFolder(dir)).edit).toMatchObject({ vae_image_size: 65_536, condition_image_size: 36_864 });

    const other = await copyOf('first-edit');
    await changeJson(other, 'model_index.json', (json) => {
      json._class_name = 'QwenImageEditPlusPipeline';
    });
    const plus = await openModelFolder(other);
    expect(plus.digest).not.toBe(first.digest);
    expect(plus.family).toBe(PLUS_FAMILY);
  });
});
