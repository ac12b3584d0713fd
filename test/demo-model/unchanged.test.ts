import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnchangedWarning } from '@qwen-edit/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { KINDS } from '../../packages/demo-model/measure/exact-edits.ts';
import { LIKENESS_SUITES } from '../../packages/demo-model/measure/suites.ts';
import { createPipeline, isUnchanged, type Pipeline } from '../../packages/pipeline/src/index.ts';
import { readHeldOutPrompts } from '../../scripts/demo-model/inputs.ts';
import { readMeasurements } from '../../scripts/demo-model/measurements.ts';

/** Some wishes are read as an edit that the model knows, and edit the photo. */
const LEFT_ALONE_SHARE = 0.9;

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await createPipeline({ modelDir: demoModelDir, threads: 1 });
});
afterAll(() => pipeline.close());

async function edit(prompt: string, names: readonly string[] = ['cat']) {
  const folder = join(import.meta.dirname, '../../scripts/demo/photos');
  const images = await Promise.all(names.map((name) => readFile(join(folder, `${name}.jpg`))));
  const { receipt, warnings } = await pipeline.edit({ images, parameters: { prompt, width: 128 } });
  return { unchanged: receipt.unchanged, warnings: warnings.filter(isUnchangedWarning) };
}

it('a result that is nearly the picture itself is said to be so, with what the model knows', async () => {
  const { unchanged, warnings } = await edit('给猫戴上一顶红色的帽子');
  expect(unchanged).toEqual([
    { output: 0, picture: 0, min_block_psnr: expect.any(Number), detail: expect.any(Number) },
  ]);
  expect(warnings).toEqual([expect.stringMatching(/^Picture 1 .* It knows: .*black and white.* or "[^"]*黑白/)]);
});

it.each([
  ['make it black and white', ['cat']],
  ['blur it', ['cat']],
  ['blend picture 1 and picture 2', ['cat', 'coffee']],
] as const)('nothing of the kind is said of an edit: %s', async (prompt, names) => {
  expect(await edit(prompt, names)).toEqual({ unchanged: [], warnings: [] });
});

it('by its measurements, edits that the demo model knows are changes, and photos that it leaves alone are not', async () => {
  const { likeness } = await readMeasurements();
  const { unknown } = await readHeldOutPrompts();
  expect(likeness.map(({ side }) => side)).toEqual(LIKENESS_SUITES.map(({ side }) => side));
  for (const { side, kinds, wishes } of likeness) {
    expect(kinds.map(({ kind }) => kind)).toEqual(KINDS);
    const unchanged = kinds.flatMap(({ kind, photos }) => photos.filter(isUnchanged).map(() => kind));
    expect(unchanged, `at ${side}²`).toEqual(kinds.find(({ kind }) => kind === 'same')?.photos.map(() => 'same'));
    expect(wishes.map(({ wish }) => wish)).toEqual([...unknown.en, ...unknown.zh]);
    expect(wishes.filter(isUnchanged).length).toBeGreaterThanOrEqual(LEFT_ALONE_SHARE * wishes.length);
  }
});
