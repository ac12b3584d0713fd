import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KINDS } from '@qwen-edit/demo-model/measure/exact-edits';
import type { GoldenPrompts } from '@qwen-edit/demo-model/measure/quality';
import type { HeldOutPrompts } from '@qwen-edit/demo-model/measure/reading';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');
const PHOTOS = {
  cat: 'scripts/demo/photos/cat.jpg',
  coffee: 'scripts/demo/photos/coffee.jpg',
  astronaut: 'test/fixtures/photos/astronaut.jpg',
  rocket: 'test/fixtures/photos/rocket.jpg',
};

const kind = z.enum(KINDS);
const phrases = z.object({ en: z.array(z.string()), zh: z.array(z.string()) });
const goldenSchema = z.record(kind, z.object({ en: z.string(), zh: z.string() }));
const heldOutSchema = z.object({ kinds: z.record(kind, phrases), unknown: phrases, hand: z.record(kind, phrases) });

export const PHOTO_NAMES: readonly string[] = Object.keys(PHOTOS);

/** Reads the photos that the demo model is measured with: JPEGs, ordered by name. None of them was in its training. */
export async function readPhotos(): Promise<Uint8Array[]> {
  return Promise.all(Object.values(PHOTOS).map((path) => readFile(join(ROOT, path))));
}

export async function readGoldenPrompts(): Promise<GoldenPrompts> {
  return goldenSchema.parse(await readJson('golden-prompts.json'));
}

export async function readHeldOutPrompts(): Promise<HeldOutPrompts> {
  return heldOutSchema.parse(await readJson('held-out-prompts.json'));
}

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(ROOT, 'test/fixtures/demo-model', name), 'utf8'));
}
