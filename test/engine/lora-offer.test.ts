import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLoraOffer, inspectModel, lorasOfModel, type ResolveLora } from '../../packages/pipeline/src/index.ts';
import { changeJson, copyOf, temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { writeTensors } from '../support/lora-files.ts';

const LAYER = 'transformer_blocks.0.attn.to_q';
const { shape } = await inspectModel(checkpointDir('tiny-a'));
const width = shape!.transformer.hidden_size;

/** A LoRA for a layer of so many channels. */
function writeLora(path: string, channels: number): void {
  const tensor = (...sides: [number, number]) => ({ shape: sides, data: new Float32Array(sides[0] * sides[1]) });
  writeTensors(path, {
    [`${LAYER}.lora_A.weight`]: tensor(2, channels),
    [`${LAYER}.lora_B.weight`]: tensor(channels, 2),
  });
}

it('presets and LoRAs are offered with what keeps each from being used, as it is now', async () => {
  const dir = await copyOf('tiny-a');
  const folder = await temporaryFolder();
  const [good, wide] = [join(folder, 'good.safetensors'), join(folder, 'wide.safetensors')];
  writeLora(good, width);
  writeLora(wide, 2 * width);
  writeLora(join(dir, 'own.safetensors'), width);
  const presets = [
    { name: 'usable', lora: [{ path: good }] },
    { name: 'wide', lora: [{ path: wide }] },
    { name: 'off', lora: [{ path: join(folder, 'gone.safetensors'), scale: 0 }] },
    { name: 'plain', num_inference_steps: 3 },
  ];
  const loras = { own: { path: 'own.safetensors', title: { en: 'Own', zh: '自带' } } };
  await changeJson(dir, 'edit_config.json', (json) => Object.assign(json, { presets, loras }));
  const resolveLora: ResolveLora = async ({ path, name }) => path ?? join(folder, `${name}.safetensors`);
  const look = createLoraOffer({ modelDir: dir, resolveLora, names: ['good', 'gone'] });
  const facts = await inspectModel(dir);

  const before = await look(facts);
  const unusable = (all: readonly { name: string; unavailable?: string | undefined }[]) =>
    all.flatMap(({ name, unavailable }) => (unavailable === undefined ? [] : [[name, unavailable]]));
  expect(unusable(before.presets)).toEqual([['wide', expect.stringMatching(/channels; this model has.*trained/)]]);
  expect(before.presets.map(({ name }) => name)).toEqual(['usable', 'wide', 'off', 'plain']);
  expect(unusable(before.loras)).toEqual([['gone', expect.stringContaining('is not there')]]);
  expect(before.loras.map(({ name }) => name)).toEqual(['own', 'good', 'gone']);
  expect(before.loras[0]).toMatchObject({ title: { zh: '自带' } });

  await rm(good);
  await rm(join(dir, 'own.safetensors'));
  writeLora(wide, width);
  writeLora(join(folder, 'gone.safetensors'), width);
  const after = await look({ presets: before.presets, loras: before.loras });
  expect(unusable(after.presets).map(([name]) => name)).toEqual(['usable']);
  expect(unusable(after.loras).map(([name]) => name)).toEqual(['own', 'good']);

  expect((await lorasOfModel(dir)).map(({ path }) => path)).toEqual([good, wide, join(folder, 'gone.safetensors')]);
});
