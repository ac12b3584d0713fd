import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import {
  exactEdit,
  KINDS,
  LORA_KINDS,
  type LoraKind,
  type Picture,
} from '../../packages/demo-model/measure/exact-edits.ts';
import { meanOfLora } from '../../packages/demo-model/measure/loras.ts';
import { decodePicture, encodePicture, mean, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import { createPipeline, type Pipeline } from '../../packages/pipeline/src/index.ts';
import { modelDigest, photosAt } from '../../scripts/demo-model/inputs.ts';
import {
  digestOfLora,
  type LoraMeasurements,
  readLoraMeasurements,
  readLoraPrompts,
  readStepMeasurements,
} from '../../scripts/demo-model/lora-measurements.ts';

/** PSNR in dB against the exact edit, in the mean; how much the LoRA adds to what the model makes of the same prompt without it. */
const MEAN_DB = 22;
const GAIN_DB = 8;
/** Share of sentences that no training saw, in each language. */
const HELD_FLOOR = 0.8;
/** What the model knows by itself, in the mean, while a LoRA is on: most stay; blur and wishes for no change are drawn over. */
const OTHERS_DB = 25;
/** Fewer steps cost no more than this in the mean. */
const STEPS_LOSE_DB = 1;
const SIDE = 128;

let measured: LoraMeasurements;
let pipeline: Pipeline;
let photo: Picture;
beforeAll(async () => {
  measured = await readLoraMeasurements();
  [photo] = (await photosAt(SIDE, SIDE)) as [Picture];
  pipeline = await createPipeline({ modelDir: demoModelDir, threads: 1 });
});
afterAll(() => pipeline.close());

async function edit(prompt: string, kind: LoraKind, scale: number | undefined): Promise<Uint8Array> {
  const { outputs } = await pipeline.edit({
    images: [await encodePicture(photo)],
    parameters: {
      ...{ prompt, width: SIDE, height: SIDE, seed: '1' },
      ...(scale === undefined ? {} : { lora: [{ name: kind, scale }] }),
    },
  });
  return outputs[0]!.bytes;
}

it('the measurements are those of this model and these LoRAs', async () => {
  const again = 'run npm run measure:demo-model loras';
  expect(measured.model, again).toBe(await modelDigest());
  for (const kind of LORA_KINDS) expect(measured.loras[kind], again).toBe(await digestOfLora(kind));
});

describe.each(LORA_KINDS)('by its measurements, the LoRA %s', (kind) => {
  it(`makes its edit at ${MEAN_DB} dB or better, which the model by itself does not`, () => {
    expect(meanOfLora(measured.quality[kind])).toBeGreaterThanOrEqual(MEAN_DB);
    expect(meanOfLora(measured.quality[kind]) - mean(measured.quality[kind].off)).toBeGreaterThanOrEqual(GAIN_DB);
  });

  it(`is asked for with at least ${100 * HELD_FLOOR} % of the sentences that no training saw`, () => {
    const held = measured.reading[kind].filter(({ name }) => name === 'held');
    expect(held.map(({ language }) => language)).toEqual(['en', 'zh']);
    for (const { share } of held) expect(share).toBeGreaterThanOrEqual(HELD_FLOOR);
  });

  it(`leaves the ${KINDS.length} edits that the model knows at ${OTHERS_DB} dB or better in the mean`, () => {
    expect(Object.keys(measured.others[kind].kinds)).toEqual([...KINDS]);
    expect(measured.others[kind].mean).toBeGreaterThanOrEqual(OTHERS_DB);
  });
});

describe.each(LORA_KINDS)('live, the LoRA %s', (kind) => {
  it('makes its edit, and at scale 0 the very bytes that the model makes without it', async () => {
    const { [kind]: prompts } = await readLoraPrompts();
    const wanted = exactEdit(kind, photo);
    const [on, off, none] = [
      await edit(prompts.golden.en, kind, 1),
      await edit(prompts.golden.en, kind, 0),
      await edit(prompts.golden.en, kind, undefined),
    ];
    expect(Buffer.compare(off, none)).toBe(0);
    expect(pixelPsnr(await decodePicture(on), wanted)).toBeGreaterThanOrEqual(MEAN_DB - 2);
    expect(pixelPsnr(await decodePicture(none), wanted)).toBeLessThan(MEAN_DB - GAIN_DB);
  });
});

describe('by its measurements, the demo model', () => {
  it(`with fewer steps, and with its preset fast, loses less than ${STEPS_LOSE_DB} dB in the mean`, async () => {
    const { model, steps, presets } = await readStepMeasurements();
    expect(model, 'run npm run measure:demo-model steps').toBe(await modelDigest());
    const recommended = steps.find(({ steps }) => steps === 6)!.mean;
    expect(Object.keys(presets)).toEqual(['fast']);
    for (const { mean: db } of [...steps, ...Object.values(presets)])
      expect(recommended - db).toBeLessThan(STEPS_LOSE_DB);
  });
});
