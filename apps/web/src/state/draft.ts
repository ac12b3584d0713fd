import { effect, type Signal, signal } from '@preact/signals';
import { CHOICE_NAMES, loraSchema, NUMBER_NAMES, parsedJson } from '@qwen-edit/contract';
import { z } from 'zod';
import type { FormLora } from '../lib/loras.ts';
import { EMPTY_FORM, type FormValues } from '../lib/parameters.ts';
import { safeStorage } from './preferences.ts';

/** An older page kept the preset among the choices, and knew no LoRAs; the oldest had no choices. */
const formSchema = z.object({
  prompt: z.string(),
  negative_prompt: z.string().nullable(),
  seed: z.string(),
  numbers: z.partialRecord(z.enum(NUMBER_NAMES), z.number()),
  choices: z.partialRecord(z.enum([...CHOICE_NAMES, 'preset']), z.string()).default({}),
  preset: z.string().optional(),
  loras: z.array(z.looseObject({ byExample: z.literal(true).optional() })).default([]),
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
  if (!draft.success) return EMPTY_FORM;
  const { choices, preset, loras, ...form } = draft.data;
  const { preset: earlier, ...others } = choices;
  return { ...form, choices: others, preset: preset ?? earlier, loras: loras.flatMap(readLora) };
}

/** None for what is no LoRA. */
function readLora({ byExample, ...said }: { readonly byExample?: true | undefined }): readonly FormLora[] {
  const lora = loraSchema.safeParse(said);
  if (!lora.success) return [];
  return [byExample === undefined ? lora.data : { ...lora.data, byExample }];
}
