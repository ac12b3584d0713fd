import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelCardSchema, presetSchema } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { demoModelDir } from './index.ts';
import { KINDS, LORA_KINDS } from './measure/exact-edits.ts';

const card = modelCardSchema.parse(JSON.parse(await readFile(join(demoModelDir, 'model_card.json'), 'utf8')));
const config = z
  .object({ presets: z.array(presetSchema), loras: z.record(z.string(), z.object({ path: z.string() })) })
  .parse(JSON.parse(await readFile(join(demoModelDir, 'edit_config.json'), 'utf8')));
const LANGUAGES = ['en', 'zh'] as const;
/** A LoRA comes with every clone and package. */
const LORA_BYTES = 400_000;

it('the card says that this is a demo model, and how to get the real one', () => {
  expect(card).toMatchObject({ demo: true, licence: 'Apache-2.0' });
  for (const language of LANGUAGES) {
    expect(card.summary?.[language]).toBeTruthy();
    expect(card.full_model?.[language]).toContain('QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511 npm start');
    expect(card.full_model?.[language]).toContain('QWEN_EDIT_2511_DIR');
  }
});

it('the card lists each kind of edit that is measured, once and in its order', () => {
  expect(card.edits.map(({ kind }) => kind)).toEqual([...KINDS, ...LORA_KINDS]);
  expect(card.edits.filter(({ pictures }) => pictures !== 1).map(({ kind }) => kind)).toEqual(['blend']);
});

it('edits that need a LoRA name one that comes with the model, and no others do', async () => {
  const needed = card.edits.flatMap(({ kind, lora }) => (lora === undefined ? [] : [[kind, lora]]));
  expect(needed).toEqual(LORA_KINDS.map((kind) => [kind, kind]));
  expect(Object.keys(config.loras)).toEqual([...LORA_KINDS]);
  for (const { path } of Object.values(config.loras))
    expect((await stat(join(demoModelDir, path))).size).toBeLessThan(LORA_BYTES);
});

it('the preset fast has fewer steps than the model recommends, and needs nothing that has to be downloaded', async () => {
  const { num_inference_steps } = JSON.parse(await readFile(join(demoModelDir, 'edit_config.json'), 'utf8'));
  const fast = config.presets.find(({ name }) => name === 'fast');
  expect(fast?.num_inference_steps).toBeLessThan(num_inference_steps);
  expect(fast?.lora ?? []).toEqual([]);
});

it('the card has three prompts or more of each kind in each language, and no prompt twice', () => {
  for (const { kind, prompts } of card.edits) {
    for (const language of LANGUAGES) expect(prompts[language].length, kind).toBeGreaterThanOrEqual(3);
  }
  const all = card.edits.flatMap(({ prompts }) => LANGUAGES.flatMap((language) => prompts[language]));
  expect(new Set(all).size).toBe(all.length);
});

it('what the card calls Chinese is, and what it calls English is not', () => {
  for (const { title, description, prompts } of card.edits) {
    for (const text of [title.zh, description?.zh, ...prompts.zh]) expect(text).toMatch(/\p{Script=Han}/u);
    for (const text of [title.en, description?.en, ...prompts.en]) expect(text).not.toMatch(/\p{Script=Han}/u);
  }
});
