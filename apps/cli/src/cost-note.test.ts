import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectModel, knownModelShape } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { costNotes } from './cost-note.ts';

const root = join(import.meta.dirname, '../../..');
const picture = await readFile(join(root, 'test/fixtures/goldens/inputs/sq_72x72.png'));
const demo = await inspectModel(join(root, 'packages/demo-model'));
const { size_multiple: _, ...areas } = {
  ...demo,
  ...{ vae_image_size: 1024 ** 2, output_image_size: 1024 ** 2, condition_image_size: 384 ** 2 },
  ...{ num_inference_steps: 40, true_cfg_scale: 4, reference_size: 'area' as const },
};
const real = { ...areas, size_multiple: 16, shape: knownModelShape('Qwen/Qwen-Image-Edit-2511')! };

it('before an edit that takes hours on this processor, that is said, and that a draft takes less', async () => {
  const notes = await costNotes(real, [picture], { prompt: 'make it night' }, 2);
  expect(notes.at(-1)).toBe(
    'On a CPU this edit takes about 18 hours (a rough figure); the preset draft takes about 3.8 hours.',
  );
});

it('nothing is said of a quick edit, of a model that tells no shape, or of a file that is no picture', async () => {
  const prompt = 'make it night';
  expect(await costNotes(demo, [picture], { prompt }, 2)).toEqual([]);
  const { shape: _shape, ...silent } = real;
  expect(await costNotes(silent, [picture], { prompt }, 2)).toEqual([]);
  expect(await costNotes(real, [picture, Buffer.from('a text')], { prompt }, 2)).toEqual([]);
  expect(await costNotes(real, [picture], { prompt, width: 7 }, 2)).toEqual([]);
});
