import { cpus } from 'node:os';
import { withEditors } from '@qwen-edit/demo-model/measure/editors';
import { LORA_KINDS, type LoraKind } from '@qwen-edit/demo-model/measure/exact-edits';
import { measureKinds, measureLoraQuality, measureLoraReading } from '@qwen-edit/demo-model/measure/loras';
import { createPipeline } from '@qwen-edit/pipeline';
import { modelDigest, photosAt, readGoldenPrompts, readHeldOutPrompts } from './inputs.ts';
import {
  digestOfLora,
  loraMeasurementsSchema,
  readLoraPrompts,
  stepMeasurementsSchema,
  writeLoraMeasurements,
  writeStepMeasurements,
} from './lora-measurements.ts';

const ENGINES = 2;
const SIDE = 256;
const SMALL = { side: 128, photos: 2 } as const;
/** Of each list of phrases, in each language. */
const PHRASES = 25;
const STEPS = [2, 3, 4, 6];
const PRESETS = ['fast'];

const byKind = async <T>(of: (kind: LoraKind) => Promise<T>): Promise<Record<string, T>> => {
  const all: Record<string, T> = {};
  for (const kind of LORA_KINDS) all[kind] = await of(kind);
  return all;
};

const origin = async (): Promise<{ model: string; processor: string; date: string }> => ({
  model: await modelDigest(),
  processor: cpus()[0]?.model ?? 'unknown',
  date: new Date().toISOString().slice(0, 10),
});

const smallPhotos = async () => (await photosAt(SMALL.side, SMALL.side)).slice(0, SMALL.photos);

/** Measures the LoRAs of the demo model; writes lora-measurements.json. */
export async function measureLoras(): Promise<void> {
  const [loraPrompts, prompts] = [await readLoraPrompts(), await readGoldenPrompts()];
  const { unknown } = await readHeldOutPrompts();
  const [photos, small] = [await photosAt(SIDE, SIDE), await smallPhotos()];
  const measured = await withEditors({ open: createPipeline, engines: ENGINES }, async (onEditors) => {
    const options = (kind: LoraKind) => ({ onEditors, kind, prompts: loraPrompts[kind] });
    return {
      quality: await byKind((kind) => measureLoraQuality(options(kind), photos)),
      reading: await byKind((kind) => measureLoraReading(options(kind), unknown, PHRASES)),
      others: await byKind((kind) => measureKinds(onEditors, small, prompts, { lora: [{ name: kind, scale: 1 }] })),
    };
  });
  for (const kind of LORA_KINDS) {
    const shares = measured.reading[kind]?.map(
      ({ name, language, phrases, share }) => `${name} ${language} ${(100 * share).toFixed(1)} % of ${phrases}`,
    );
    console.log(`${kind}: ${JSON.stringify(measured.quality[kind])}\n${shares?.join(', ')}`);
    console.log(`What the model knows by itself, with it on: ${JSON.stringify(measured.others[kind])}`);
  }
  await writeLoraMeasurements(
    loraMeasurementsSchema.parse({ ...(await origin()), loras: await byKind(digestOfLora), ...measured }),
  );
}

/** Measures the demo model with fewer steps and with its presets; writes step-measurements.json. */
export async function measureSteps(): Promise<void> {
  const [prompts, small] = [await readGoldenPrompts(), await smallPhotos()];
  const measured = await withEditors({ open: createPipeline, engines: ENGINES }, async (onEditors) => {
    const steps = [];
    for (const count of STEPS)
      steps.push({ steps: count, ...(await measureKinds(onEditors, small, prompts, { num_inference_steps: count })) });
    const presets: Record<string, Awaited<ReturnType<typeof measureKinds>>> = {};
    for (const preset of PRESETS) presets[preset] = await measureKinds(onEditors, small, prompts, { preset });
    return { steps, presets };
  });
  for (const { steps, mean } of measured.steps) console.log(`${steps} steps: ${mean.toFixed(1)} dB at ${SMALL.side}²`);
  for (const [name, { mean }] of Object.entries(measured.presets))
    console.log(`preset ${name}: ${mean.toFixed(1)} dB at ${SMALL.side}²`);
  await writeStepMeasurements(stepMeasurementsSchema.parse({ ...(await origin()), ...measured }));
}
