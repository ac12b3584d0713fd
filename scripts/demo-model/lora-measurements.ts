import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LANGUAGES } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { KINDS, LORA_KINDS, type LoraKind } from '@qwen-edit/demo-model/measure/exact-edits';
import type { LoraPrompts } from '@qwen-edit/demo-model/measure/loras';
import { z } from 'zod';

/** Where `npm run measure:demo-model loras` leaves its results. */
export const LORA_MEASUREMENTS_FILE: string = join(demoModelDir, 'lora-measurements.json');
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
  /** The same without a LoRA, by steps. */
  steps: z.array(z.object({ steps: z.int(), kinds, mean: decibels })),
  /** The same with presets of the model. */
  presets: z.record(z.string(), z.object({ kinds, mean: decibels })),
});
export type LoraMeasurements = z.output<typeof loraMeasurementsSchema>;

export async function readLoraMeasurements(): Promise<LoraMeasurements> {
  return loraMeasurementsSchema.parse(JSON.parse(await readFile(LORA_MEASUREMENTS_FILE, 'utf8')));
}

export async function writeLoraMeasurements(measurements: LoraMeasurements): Promise<void> {
  const short = (_: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toFixed(3)) : value);
  await writeFile(LORA_MEASUREMENTS_FILE, `${JSON.stringify(measurements, short, 1)}\n`);
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
export async function loraDigest(kind: LoraKind): Promise<string> {
  const bytes = await readFile(join(demoModelDir, 'loras', `${kind}.safetensors`));
  return createHash('sha256').update(bytes).digest('hex');
}
