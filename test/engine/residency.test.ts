import { describe, expect, it, onTestFinished } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import type { LoadedModel } from '../../packages/pipeline/src/engine/model.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { loadPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { noteArrangements, pictures, pipelineFor, request } from './edits.ts';

const GIB = 2 ** 30;

/** A model with so much memory, and what it was told to hold. */
async function modelWith(memoryBytes: number, precision: string, weightCacheDir: string) {
  const loaded = await loadPreparedModel(checkpointDir('tiny-c'), {
    ...{ memoryBytes, precision, weightCacheDir, threads: 1 },
    pause: async () => undefined,
  });
  onTestFinished(() => loaded.release());
  return noteArrangements(loaded);
}

describe('what an edit holds', () => {
  it.each(['fp32', 'w8a8'])('%s: nothing if there is no memory, everything if there is enough', async (precision) => {
    const folder = await temporaryFolder();
    const none = await modelWith(1, precision, folder);
    const all = await modelWith(64 * GIB, precision, folder);
    for (const { model } of [none, all]) await runEdit(model, request(2));
    const held = ({ arranged }: typeof none) =>
      arranged.map(({ transformer, language }) => [transformer.held, language.held]);
    expect(held(none)).toEqual([[0, 0]]);
    expect(held(all)).toEqual([[Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]]);
    expect(all.arranged[0]?.transformer).toMatchObject({ stays: true, prepacks: precision === 'w8a8' });
  });

  it('a picture that is worked on in tiles, where diffusers would not, is told of in the warnings', async () => {
    const folder = await temporaryFolder();
    const { model } = await modelWith(64 * GIB, 'fp32', folder);
    const whole = await runEdit(model, request(2));
    const arrange: LoadedModel['arrange'] = (residency) => model.arrange({ ...residency, untiledArea: 0 });
    const tiled = await runEdit({ ...model, arrange }, request(2));
    const says = expect.stringContaining('works in tiles');
    expect([whole.warnings, tiled.warnings]).toEqual([
      expect.not.arrayContaining([says]),
      expect.arrayContaining([says]),
    ]);
    // One tile holds all of so small a picture.
    expect(pictures({ ...tiled, timings: { load_s: 0, ...tiled.timings } })).toEqual(
      pictures({ ...whole, timings: { load_s: 0, ...whole.timings } }),
    );
  });

  it('changes nothing in the picture', async () => {
    const wanted = pictures(await (await pipelineFor()).edit(request(3)));
    const streaming = await pipelineFor({ memoryBytes: 1 });
    // The second edit opens again what the first has closed.
    for (let i = 0; i < 2; i++) expect(pictures(await streaming.edit(request(3)))).toEqual(wanted);
  });
});

it('what is prepared is told before, with its bytes and where, and once', async () => {
  const weightCacheDir = await temporaryFolder();
  const told: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const pipeline = await createPipeline({
      ...{ modelDir: checkpointDir('tiny-c'), threads: 1, precision: 'w8a8', weightCacheDir },
      onPreparing: ({ precision, bytes, folder }) => told.push([precision, bytes > 0, folder.includes('w8a8')]),
    });
    await pipeline.close();
  }
  expect(told).toEqual([['w8a8', true, true]]);
});
