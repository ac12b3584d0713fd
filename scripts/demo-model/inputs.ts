import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { modelCardSchema } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { KINDS, type Kind, type Picture } from '@qwen-edit/demo-model/measure/exact-edits';
import { readCroppedPicture } from '@qwen-edit/demo-model/measure/pictures';
import type { GoldenPrompts } from '@qwen-edit/demo-model/measure/quality';
import type { HeldOutPrompts, Phrases } from '@qwen-edit/demo-model/measure/reading';
import { CARD_SIZE } from '@qwen-edit/demo-model/measure/suites';
import { createPipeline } from '@qwen-edit/pipeline';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const PHOTOS = {
  cat: 'scripts/demo/photos/cat.jpg',
  coffee: 'scripts/demo/photos/coffee.jpg',
  astronaut: 'test/fixtures/photos/astronaut.jpg',
  rocket: 'test/fixtures/photos/rocket.jpg',
};

const GOLDEN_PROMPTS = 'test/fixtures/demo-model/golden-prompts.json';
const HELD_OUT_PROMPTS = 'test/fixtures/demo-model/held-out-prompts.json';
const MODEL_CARD = join(demoModelDir, 'model_card.json');

const kind = z.enum(KINDS);
const phrases = z.object({ en: z.array(z.string()), zh: z.array(z.string()) });
const goldenSchema = z.record(kind, z.object({ en: z.string(), zh: z.string() }));
const heldOutSchema = z.object({ kinds: z.record(kind, phrases), unknown: phrases, hand: z.record(kind, phrases) });

export const PHOTO_NAMES: readonly string[] = Object.keys(PHOTOS);

/** The photos that the demo model is measured with, as JPEG, in the order of their names. It saw none in training. */
export async function readPhotos(): Promise<Uint8Array[]> {
  return Promise.all(Object.values(PHOTOS).map((path) => readFile(join(ROOT, path))));
}

/** One prompt for each kind and language, which quality is measured with. */
export async function readGoldenPrompts(): Promise<GoldenPrompts> {
  return goldenSchema.parse(await readJson(GOLDEN_PROMPTS));
}

/** The phrases that the model was not trained on, which reading is measured with. */
export async function readHeldOutPrompts(): Promise<HeldOutPrompts> {
  return heldOutSchema.parse(await readJson(HELD_OUT_PROMPTS));
}

/** The prompts of the model card, by kind; of what the model knows without a LoRA. */
export async function readCardPrompts(): Promise<ReadonlyMap<Kind, Phrases>> {
  const { edits } = modelCardSchema.parse(await readJson(MODEL_CARD));
  const own = edits.filter(({ lora }) => lora === undefined);
  return new Map(own.map((edit) => [kind.parse(edit.kind), edit.prompts]));
}

/** SHA-256 of what a measurement reads besides the checkpoint: photos, prompts, and of the model card its prompts alone. */
export async function inputsDigest(): Promise<string> {
  const files = await Promise.all(
    [GOLDEN_PROMPTS, HELD_OUT_PROMPTS, ...Object.values(PHOTOS)].map((path) => readFile(resolve(ROOT, path))),
  );
  const card = Buffer.from(JSON.stringify([...(await readCardPrompts())]));
  const hash = createHash('sha256');
  for (const bytes of [...files, card]) hash.update(createHash('sha256').update(bytes).digest());
  return hash.digest('hex');
}

/** The photos, cut around their middle and scaled to these pixels. */
export async function photosAt(width: number, height: number): Promise<Picture[]> {
  return Promise.all((await readPhotos()).map((photo) => readCroppedPicture(photo, width, height)));
}

/** What measureCardPrompts takes: every prompt of the card, on a wide photo and, for `blend`, a second one. */
export async function cardInputs(): Promise<{
  prompts: { kind: Kind; prompt: string }[];
  photo: Picture;
  other: Picture;
}> {
  const [other, photo] = await photosAt(CARD_SIZE.width, CARD_SIZE.height);
  const lists = [...(await readCardPrompts())];
  const prompts = lists.flatMap(([kind, { en, zh }]) => [...en, ...zh].map((prompt) => ({ kind, prompt })));
  return { prompts, photo: photo!, other: other! };
}

/** Digest of the demo checkpoint's configurations and weights, as the pipeline tells it. */
export async function modelDigest(): Promise<string> {
  const pipeline = await createPipeline({ modelDir: demoModelDir, threads: 1 });
  await pipeline.close();
  return pipeline.model.digest;
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(resolve(ROOT, path), 'utf8'));
}
