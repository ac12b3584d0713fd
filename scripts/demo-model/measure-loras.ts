import { cpus } from 'node:os';
import { withEditors } from '@qwen-edit/demo-model/measure/editors';
import { LORA_KINDS, type LoraKind } from '@qwen-edit/demo-model/measure/exact-edits';
import { measureKinds, measureLoraQuality, measureLoraReading } from '@qwen-edit/demo-model/measure/loras';
import { createPipeline } from '@qwen-edit/pipeline';
import { modelDigest, photosAt, readGoldenPrompts, readHeldOutPrompts } from './inputs.ts';
import {
  LORA_MEASUREMENTS_FILE,
  loraDigest,
  loraMeasurementsSchema,
  readLoraPrompts,
  writeLoraMeasurements,
} from './lora-measurements.ts';

const ENGINES = 2;
const SIDE = 256;
const SMALL = { side: 128, photos: 2 } as const;
/** Of the sentences that no training saw, for each language. */
const PHRASES = 40;
const STEPS = [2, 3, 4, 6];
const PRESETS = ['fast'];

const byKind = async <T>(of: (kind: LoraKind) => Promise<T>): Promise<Record<string, T>> => {
  const all: Record<string, T> = {};
  for (const kind of LORA_KINDS) all[kind] = await of(kind);
  return all;
};

/** Measures the LoRAs of the demo model, and the model by steps; writes lora-measurements.json. */
export async function measureLoras(): Promise<void> {
  const [loraPrompts, prompts, { unknown }] = [
    await readLoraPrompts(),
    await readGoldenPrompts(),
    await readHeldOutPrompts(),
  ];
  const photos = await photosAt(SIDE, SIDE);
  const small = (await photosAt(SMALL.side, SMALL.side)).slice(0, SMALL.photos);
  const measured = await withEditors({ open: createPipeline, engines: ENGINES }, async (onEditors) => {
    const options = (kind: LoraKind) => ({ onEditors, kind, prompts: loraPrompts[kind] });
    const quality = await byKind((kind) => measureLoraQuality(options(kind), photos));
    const reading = await byKind((kind) => measureLoraReading(options(kind), unknown, PHRASES));
    const others = await byKind((kind) =>
      measureKinds(onEditors, small, prompts, { lora: [{ name: kind, scale: 1 }] }),
    );
    const steps = [];
    for (const count of STEPS)
      steps.push({ steps: count, ...(await measureKinds(onEditors, small, prompts, { num_inference_steps: count })) });
    const presets: Record<string, Awaited<ReturnType<typeof measureKinds>>> = {};
    for (const preset of PRESETS) presets[preset] = await measureKinds(onEditors, small, prompts, { preset });
    return { quality, reading, others, steps, presets };
  });
  for (const kind of LORA_KINDS) {
    const shares = measured.reading[kind]?.map(
      ({ name, language, phrases, share }) => `${name} ${language} ${(100 * share).toFixed(1)} % of ${phrases}`,
    );
    console.log(`${kind}: ${JSON.stringify(measured.quality[kind])}\n${shares?.join(', ')}`);
    console.log(`What the model knows by itself, with it on: ${measured.others[kind]?.mean.toFixed(1)} dB`);
  }
  for (const { steps, mean } of measured.steps) console.log(`${steps} steps: ${mean.toFixed(1)} dB at ${SMALL.side}²`);
  for (const [name, { mean }] of Object.entries(measured.presets))
    console.log(`preset ${name}: ${mean.toFixed(1)} dB at ${SMALL.side}²`);
  await writeLoraMeasurements(
    loraMeasurementsSchema.parse({
      model: await modelDigest(),
      loras: await byKind(loraDigest),
      processor: cpus()[0]?.model ?? 'unknown',
      date: new Date().toISOString().slice(0, 10),
      ...measured,
    }),
  );
  console.log(`Written to ${LORA_MEASUREMENTS_FILE}.`);
}
