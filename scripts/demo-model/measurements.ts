import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LANGUAGES, likenessSchema } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { KINDS } from '@qwen-edit/demo-model/measure/exact-edits';
import { QUALITY_SUITE_NAMES } from '@qwen-edit/demo-model/measure/suites';
import { z } from 'zod';

/** Where `npm run measure:demo-model` leaves its results, and the tests read them. */
export const MEASUREMENTS_FILE: string = join(demoModelDir, 'measurements.json');

const kind = z.enum(KINDS);
/** PSNR in dB against the exact edit. */
const decibels = z.number();

const readingRowSchema = z.object({
  name: z.string(),
  language: z.enum(LANGUAGES),
  phrases: z.int().min(1),
  share: z.number().min(0).max(1),
  mistakes: z.array(z.object({ phrase: z.string(), read: kind.optional() })),
});

/** All that was measured of one state of the weights, with what it was measured from. */
export const measurementsSchema = z.object({
  /** Digest of the checkpoint, as the pipeline's facts give it. */
  model: z.string(),
  /** Digest of the prompts, also those of the model card, and the photos: see inputsDigest. */
  inputs: z.string(),
  /** Where and when; another processor may differ by fractions of a decibel. */
  processor: z.string(),
  date: z.iso.date(),
  reading: z.object({
    heldOut: z.array(readingRowSchema),
    hand: z.array(readingRowSchema),
    card: z.array(readingRowSchema),
  }),
  quality: z.record(
    z.enum(QUALITY_SUITE_NAMES),
    z.array(z.object({ kind, en: z.array(decibels), zh: z.array(decibels) })),
  ),
  cardPrompts: z.array(z.object({ kind, prompt: z.string(), db: decibels })),
  /** PSNR in dB of the result against the photo itself, for wishes that the model does not know. */
  leftAlone: z.array(z.object({ wish: z.string(), db: z.number() })),
  /** How like results are to their photos; the rule of the pipeline for `unchanged` rests on it. */
  likeness: z.array(
    z.object({
      side: z.int(),
      kinds: z.array(z.object({ kind, photos: z.array(likenessSchema) })),
      wishes: z.array(likenessSchema.extend({ wish: z.string() })),
    }),
  ),
});
export type Measurements = z.output<typeof measurementsSchema>;

/** Reads the committed results. Throws if the file is missing or has another form. */
export async function readMeasurements(): Promise<Measurements> {
  return measurementsSchema.parse(JSON.parse(await readFile(MEASUREMENTS_FILE, 'utf8')));
}

/** Writes results with four digits after the point. */
export async function writeMeasurements(measurements: Measurements): Promise<void> {
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? Math.round(value * 10_000) / 10_000 : value;
  await writeFile(MEASUREMENTS_FILE, `${JSON.stringify(measurements, rounded, 1)}\n`);
}
