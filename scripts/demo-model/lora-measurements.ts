import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LANGUAGES } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { KINDS, LORA_KINDS, type LoraKind } from '@qwen-edit/demo-model/measure/exact-edits';
import type { LoraPrompts } from '@qwen-edit/demo-model/measure/loras';
import { z } from 'zod';

/** Where `npm run measure:demo-model loras` leaves its results. */
const LORA_MEASUREMENTS_FILE: string = join(demoModelDir, 'lora-measurements.json');
/** Where `npm run measure:demo-model steps` leaves its. */
const STEP_MEASUREMENTS_FILE: string = join(demoModelDir, 'step-measurements.json');
const PROMPTS = join(import.meta.dirname, '../../test/fixtures/demo-model/lora-prompts.json');

/** PSNR in dB against the exact edit. */
const decibels = z.number();
const kinds = z.record(z.enum(KINDS), decibels);

export const loraMeasurementsSchema = z.object({
  /** Of the checkpoint, as the pipeline tells it, and of each LoRA's file: SHA-256. */
  model: z.string(),
  loras: z.record(z.enum(LORA_KINDS), z.string()),
  processor: z.string(),
  date: z.iso.date(),
  /** At the recommended settings; see LoraQuality. */
  quality: z.record(
    z.enum(LORA_KINDS),
    z.object({ en: z.array(decibels), zh: z.array(decibels), off: z.array(decibels) }),
  ),
  reading: z.record(
    z.enum(LORA_KINDS),
    z.array(
      z.object({
        name: z.enum(['held', 'hand', 'unknown']),
        language: z.enum(LANGUAGES),
        phrases: z.int().min(1),
        share: z.number().min(0).max(1),
        mistakes: z.array(z.object({ phrase: z.string(), read: z.string().optional() })),
      }),
    ),
  ),
  /** What the model knows by itself, at 128², with each LoRA on. */
  others: z.record(z.enum(LORA_KINDS), z.object({ kinds, mean: decibels })),
});
export type LoraMeasurements = z.output<typeof loraMeasurementsSchema>;

/** What the model makes at 128² without a LoRA, by steps and with its presets. */
export const stepMeasurementsSchema = z.object({
  model: z.string(),
  processor: z.string(),
  date: z.iso.date(),
  steps: z.array(z.object({ steps: z.int(), kinds, mean: decibels })),
  presets: z.record(z.string(), z.object({ kinds, mean: decibels })),
});
export type StepMeasurements = z.output<typeof stepMeasurementsSchema>;

export async function readStepMeasurements(): Promise<StepMeasurements> {
  return stepMeasurementsSchema.parse(JSON.parse(await readFile(STEP_MEASUREMENTS_FILE, 'utf8')));
}

export async function readLoraMeasurements(): Promise<LoraMeasurements> {
  return loraMeasurementsSchema.parse(JSON.parse(await readFile(LORA_MEASUREMENTS_FILE, 'utf8')));
}

export const writeLoraMeasurements = (measurements: LoraMeasurements): Promise<void> =>
  writeRounded(LORA_MEASUREMENTS_FILE, measurements);

export const writeStepMeasurements = (measurements: StepMeasurements): Promise<void> =>
  writeRounded(STEP_MEASUREMENTS_FILE, measurements);

async function writeRounded(path: string, value: unknown): Promise<void> {
  const short = (_: string, each: unknown): unknown => (typeof each === 'number' ? Number(each.toFixed(3)) : each);
  await writeFile(path, `${JSON.stringify(value, short, 1)}\n`);
}

const phrases = z.object({ en: z.array(z.string()), zh: z.array(z.string()) });
const promptsSchema = z.record(
  z.enum(LORA_KINDS),
  z.object({ golden: z.object({ en: z.string(), zh: z.string() }), held: phrases, hand: phrases }),
);

/** What the LoRAs are measured with. */
export async function readLoraPrompts(): Promise<Readonly<Record<LoraKind, LoraPrompts>>> {
  return promptsSchema.parse(JSON.parse(await readFile(PROMPTS, 'utf8')));
}

/** SHA-256 of a LoRA's file. */
export async function digestOfLora(kind: LoraKind): Promise<string> {
  const bytes = await readFile(join(demoModelDir, 'loras', `${kind}.safetensors`));
  return createHash('sha256').update(bytes).digest('hex');
}
