import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readModelCard, resolveModelCard } from './model-card.ts';

const both = (text: string) => ({ en: text, zh: text });
const edit = { kind: 'blur', title: both('Blur'), prompts: { en: ['blur it'], zh: ['变模糊'] } };

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

it('a card needs no more than a name', () => {
  expect(resolveModelCard({ name: 'x' })).toEqual({ name: 'x', demo: false, edits: [] });
});

it('keys that nobody knows are ignored', () => {
  const card = resolveModelCard({ name: 'x', stars: 5, edits: [{ ...edit, stars: 5 }] });
  expect(card).toEqual({ name: 'x', demo: false, edits: [{ ...edit, pictures: 1 }] });
});

it.each([
  ['no object', [], ''],
  ['no name', {}, 'name'],
  ['a summary in one language', { name: 'x', summary: { en: 'y' } }, 'summary.zh'],
  ['a word for true', { name: 'x', demo: 'yes' }, 'demo'],
  ['no picture', { name: 'x', edits: [{ ...edit, pictures: 0 }] }, 'edits.0.pictures'],
  ['no prompt', { name: 'x', edits: [{ ...edit, prompts: { en: [], zh: ['y'] } }] }, 'edits.0.prompts.en'],
  ['a kind twice', { name: 'x', edits: [edit, edit] }, 'edits must not hold a kind twice'],
  ['what PostgreSQL cannot keep', { name: 'x\0' }, 'name must be well-formed'],
])('%s is refused by its key', (_what, json, named) => {
  expect(refusal(() => resolveModelCard(json))).toMatchObject({
    code: 'model_unsupported',
    message: expect.stringContaining(`model_card.json: ${named}`),
    hint: expect.stringContaining('model_card.json'),
  });
});

it('a folder without a card has none, and a card that is not JSON is an error', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'qwen-edit-card-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  expect(await readModelCard(dir)).toBe(undefined);
  await writeFile(join(dir, 'model_card.json'), '{ "cut off": ');
  await expect(readModelCard(dir)).rejects.toMatchObject({ code: 'model_corrupt' });
});
