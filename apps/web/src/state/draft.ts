import { effect, type Signal, signal } from '@preact/signals';
import { CHOICE_NAMES, NUMBER_NAMES, parsedJson } from '@qwen-edit/contract';
import { z } from 'zod';
import { EMPTY_FORM, type FormValues } from '../lib/parameters.ts';
import { safeStorage } from './preferences.ts';

const formSchema = z.object({
  prompt: z.string(),
  negative_prompt: z.string().nullable(),
  seed: z.string(),
  numbers: z.partialRecord(z.enum(NUMBER_NAMES), z.number()),
  /** Drafts of an older page have none. */
  choices: z.partialRecord(z.enum(CHOICE_NAMES), z.string()).default({}),
});

/** The form without its pictures. It survives a reload of this tab. */
export function createDraft(sessionStorage: Storage): Signal<FormValues> {
  const store = safeStorage(sessionStorage);
  const form = signal(read(store.get('draft')));
  effect(() => store.set('draft', JSON.stringify(form.value)));
  return form;
}

function read(text: string | null): FormValues {
  const draft = formSchema.safeParse(text === null ? undefined : parsedJson(text));
  return draft.success ? draft.data : EMPTY_FORM;
}
