import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectModel, knownModelShape } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { costNotes, knownCost } from './cost-note.ts';

const root = join(import.meta.dirname, '../../..');
const picture = await readFile(join(root, 'test/fixtures/goldens/inputs/sq_72x72.png'));
const demo = await inspectModel(join(root, 'packages/demo-model'));
const { size_multiple: _, ...areas } = {
  ...demo,
  ...{ vae_image_size: 1024 ** 2, output_image_size: 1024 ** 2, condition_image_size: 384 ** 2 },
  ...{ num_inference_steps: 40, true_cfg_scale: 4, reference_size: 'area' as const },
};
const real = { ...areas, size_multiple: 16, shape: knownModelShape('Qwen/Qwen-Image-Edit-2511')! };

const MACHINE = { memory_bytes: 24 * 2 ** 30, threads: 2 };

it('before an edit that takes hours on this processor, that is said, and that a draft takes less', () => {
  const notes = costNotes(real, knownCost([picture], { prompt: 'make it night' }), MACHINE);
  expect(notes.at(-1)).toBe(
    'On a CPU this edit takes about 18 hours (a rough figure); the preset draft takes about 3.8 hours.',
  );
});

it('nothing is said of a quick edit, of a model that tells no shape, or of a file that is no picture', () => {
  const prompt = 'make it night';
  expect(costNotes(demo, knownCost([picture], { prompt }), MACHINE)).toEqual([]);
  const { shape: _shape, ...silent } = real;
  expect(costNotes(silent, knownCost([picture], { prompt }), MACHINE)).toEqual([]);
  expect(costNotes(real, knownCost([picture, Buffer.from('a text')], { prompt }), MACHINE)).toEqual([]);
  expect(costNotes(real, knownCost([picture], { prompt, width: 7 }), MACHINE)).toEqual([]);
});
