import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelCardSchema } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { demoModelDir } from './index.ts';
import { KINDS } from './measure/exact-edits.ts';

const card = modelCardSchema.parse(JSON.parse(await readFile(join(demoModelDir, 'model_card.json'), 'utf8')));
const LANGUAGES = ['en', 'zh'] as const;

it('the card says that this is a demo model, and how to get the real one', () => {
  expect(card).toMatchObject({ demo: true, licence: 'Apache-2.0' });
  for (const language of LANGUAGES) {
    expect(card.summary?.[language]).toBeTruthy();
    expect(card.full_model?.[language]).toContain('QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511 npm start');
    expect(card.full_model?.[language]).toContain('QWEN_EDIT_2511_DIR');
  }
});

it('the card lists each kind of edit that is measured, once and in its order', () => {
  expect(card.edits.map(({ kind }) => kind)).toEqual([...KINDS]);
  expect(card.edits.filter(({ pictures }) => pictures !== 1).map(({ kind }) => kind)).toEqual(['blend']);
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
