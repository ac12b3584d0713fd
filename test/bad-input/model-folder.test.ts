import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { changeJson, copyOf, type Json, temporaryFolder } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

const load = (dir: string) => loadModel(dir, { threads: 1, pause: async () => undefined });

describe('a folder that is no model', () => {
  it('a file, an empty folder, and a path that leads nowhere', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'file');
    await writeFile(file, '{}');
    const empty = join(folder, 'empty');
    await mkdir(empty);
    for (const dir of [file, empty, join(folder, 'nowhere'), join(checkpointDir('tiny-c'), 'vae')])
      await expectRefusal(load(dir), 'model_not_found', dir);
  });

  it('another kind of model', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'model_index.json', (json) => {
      json._class_name = 'StableDiffusionPipeline';
    });
    const classes = ['QwenImageEditPlusPipeline', 'QwenImageEditPipeline'];
    await expectRefusal(load(dir), 'model_unsupported', 'model_index.json', '_class_name', ...classes);
  });

  it('through createPipeline, which leaves no process behind and can be called again', async () => {
    const dir = await temporaryFolder();
    await expectRefusal(createPipeline({ modelDir: dir }), 'model_not_found', dir);
    const pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), threads: 1 });
    await pipeline.close();
  });

  it.each([0, -1, 1.5, Number.NaN])('%d threads', async (threads) => {
    await expectRefusal(createPipeline({ modelDir: checkpointDir('tiny-c'), threads }), 'invalid_parameter', 'threads');
  });
});

describe('a file of a component is missing', () => {
  it.each([
    'text_encoder/config.json',
    'transformer/config.json',
    'vae/config.json',
    'scheduler/scheduler_config.json',
    'processor/preprocessor_config.json',
    'text_encoder/model-00003-of-00005.safetensors',
    'transformer/diffusion_pytorch_model-00002-of-00004.safetensors',
    'vae/diffusion_pytorch_model.safetensors',
    'processor/merges.txt',
  ])('%s', async (file) => {
    const dir = await copyOf('tiny-b');
    await rm(join(dir, file));
    const named = file === 'processor/preprocessor_config.json' ? 'processor/processor_config.json' : file;
    await expectRefusal(load(dir), 'model_incomplete', named, 'missing');
  });

  it('a whole component', async () => {
    const dir = await copyOf('tiny-c');
    await rm(join(dir, 'vae'), { recursive: true });
    await expectRefusal(load(dir), 'model_incomplete', 'vae/config.json');
  });

  it('every tokenizer', async () => {
    const dir = await copyOf('tiny-c');
    await rm(join(dir, 'processor/tokenizer.json'));
    await rm(join(dir, 'tokenizer'), { recursive: true });
    await expectRefusal(load(dir), 'model_incomplete', 'tokenizer.json');
  });
});

describe('a file of a component is damaged', () => {
  it.each([
    'model_index.json',
    'transformer/config.json',
    'text_encoder/config.json',
    'scheduler/scheduler_config.json',
    'processor/preprocessor_config.json',
    'processor/vocab.json',
    'transformer/diffusion_pytorch_model.safetensors.index.json',
    'edit_config.json',
    'model_card.json',
  ])('%s is not JSON', async (file) => {
    const dir = await copyOf('tiny-b');
    await writeFile(join(dir, file), '{ "cut off": ');
    await expectRefusal(load(dir), 'model_corrupt', file, 'not JSON');
  });

  it('a JSON file that holds something else', async () => {
    const dir = await copyOf('tiny-b');
    await writeFile(join(dir, 'vae/config.json'), '[]');
    await expectRefusal(load(dir), 'model_unsupported', 'vae/config.json');
    const other = await copyOf('tiny-b');
    await writeFile(join(other, 'text_encoder/model.safetensors.index.json'), '{}');
    await expectRefusal(load(other), 'model_corrupt', 'text_encoder/model.safetensors.index.json', 'weight_map');
  });

  it('a tokenizer that cannot be put together', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'processor/tokenizer.json', (json) => {
      delete (json.model as Json).merges;
    });
    await expectRefusal(load(dir), 'model_corrupt', 'tokenizer');
    await changeJson(dir, 'processor/tokenizer.json', (json) => {
      json.model = { type: 'Unigram', vocab: [] };
    });
    await expectRefusal(load(dir), 'model_unsupported', 'processor/tokenizer.json', 'model.type', 'BPE');
  });

  it('a tokenizer of another model, whose ids the text encoder does not have', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'processor/tokenizer.json', (json) => {
      const tokens = json.added_tokens as { id: number; content: string }[];
      tokens.find((token) => token.content === '<|im_start|>')!.id = 5000;
    });
    const edit = runEdit(await load(dir), { images: [inputBytes('sq_72x72')], parameters: { prompt: 'x' } });
    await expectRefusal(edit, 'model_unsupported', 'tokenizer', '5000', 'vocab_size');
  });
});

describe('edit_config.json', () => {
  it.each<[string, unknown]>([
    ['num_inference_steps', 0],
    ['num_inference_steps', '6'],
    ['true_cfg_scale', -1],
    ['vae_image_size', 16],
    ['condition_image_size', 1e12],
    ['demo', 'yes'],
  ])('with %s %j is refused by its key', async (key, value) => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'edit_config.json', (json) => {
      json[key] = value;
    });
    const { hint } = await expectRefusal(load(dir), 'model_unsupported', 'edit_config.json', key);
    expect(hint).toContain('edit_config.json');
  });

  it('with an unknown key has no other effect than a warning', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'edit_config.json', (json) => {
      json.temperature = 0.7;
    });
    const { folder } = await load(dir);
    expect(folder.edit).toMatchObject({ unknown: ['temperature'], vae_image_size: 16384 });
  });
});
