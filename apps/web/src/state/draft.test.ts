import { expect, it } from 'vitest';
import { EMPTY_FORM, type FormValues } from '../lib/parameters.ts';
import { createDraft } from './draft.ts';

/** The storage of a tab. */
function tab(): Storage {
  const kept = new Map<string, string>();
  const storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  };
  return storage as Storage;
}

it('a form with preset, LoRAs and speed survives a reload', () => {
  const storage = tab();
  const form: FormValues = {
    ...EMPTY_FORM,
    prompt: 'x',
    numbers: { num_inference_steps: 8 },
    choices: { speed: 'fast' },
    preset: 'lightning-4',
    loras: [
      { name: 'sepia', scale: 0.5, byExample: true },
      { path: '/loras/a.safetensors', scale: 1 },
    ],
  };
  createDraft(storage).value = form;
  expect(createDraft(storage).value).toEqual(form);
});

it('a form that an older page kept is still read', () => {
  const storage = tab();
  const older = { prompt: 'x', negative_prompt: '', seed: '7', numbers: { width: 300 } };
  const read = (form: object): FormValues => {
    storage.setItem('qwen-edit.draft', JSON.stringify(form));
    return createDraft(storage).value;
  };
  expect(read(older)).toEqual({ ...EMPTY_FORM, ...older });
  expect(read({ ...older, choices: { preset: 'draft', output_format: 'webp' } })).toEqual({
    ...EMPTY_FORM,
    ...older,
    choices: { output_format: 'webp' },
    preset: 'draft',
  });
});

it('what is no form is an empty one, and what is no LoRA is left out', () => {
  const storage = tab();
  storage.setItem('qwen-edit.draft', '{"prompt":1}');
  expect(createDraft(storage).value).toEqual(EMPTY_FORM);
  storage.setItem(
    'qwen-edit.draft',
    JSON.stringify({ ...EMPTY_FORM, loras: [{ scale: 1 }, { name: 'sepia', scale: 1 }] }),
  );
  expect(createDraft(storage).value.loras).toEqual([{ name: 'sepia', scale: 1 }]);
});
