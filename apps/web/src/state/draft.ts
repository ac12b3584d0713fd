import { effect, type Signal, signal } from '@preact/signals';
import { OUTPUT_FORMATS } from '@qwen-edit/contract';
import { z } from 'zod';
import { parsed } from '../api/answer.ts';
import { EMPTY_FORM, type FormValues } from '../lib/parameters.ts';
import { safeStorage } from './preferences.ts';

const side = z.number().optional();
const formSchema = z.object({
  prompt: z.string(),
  negative_prompt: z.string().nullable(),
  seed: z.string(),
  numbers: z.object({
    num_inference_steps: side,
    true_cfg_scale: side,
    guidance_scale: side,
    max_side: side,
    num_images_per_prompt: side,
  }),
  output_format: z.enum(OUTPUT_FORMATS),
  width: side,
  height: side,
});

/** The form, kept over a reload of this tab. Pictures are not. */
export function createDraft(sessionStorage: Storage): Signal<FormValues> {
  const store = safeStorage(sessionStorage);
  const form = signal(read(store.get('draft')));
  effect(() => store.set('draft', JSON.stringify(form.value)));
  return form;
}

function read(text: string | null): FormValues {
  const draft = formSchema.safeParse(text === null ? undefined : parsed(text));
  if (!draft.success) return EMPTY_FORM;
  const { numbers, width, height, ...rest } = draft.data;
  const set = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return { ...rest, numbers: Object.fromEntries(set), width, height };
}
