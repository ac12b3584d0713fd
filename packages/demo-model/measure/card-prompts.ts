import type { OnEditors } from './editors.ts';
import type { Kind, Picture } from './exact-edits.ts';
import { measureEdit } from './quality.ts';

/** A prompt of the model card, with the PSNR in dB of its result against the exact edit. */
export interface CardPromptRow {
  readonly kind: Kind;
  readonly prompt: string;
  readonly db: number;
}

/** Has each prompt edit `photo`; `blend` takes `other` as its second picture. */
export async function measureCardPrompts(options: {
  readonly onEditors: OnEditors;
  readonly prompts: readonly { readonly kind: Kind; readonly prompt: string }[];
  readonly photo: Picture;
  readonly other: Picture;
}): Promise<CardPromptRow[]> {
  const { onEditors, prompts, photo, other } = options;
  return onEditors(prompts, async (editor, { kind, prompt }) => ({
    kind,
    prompt,
    db: await measureEdit(editor, { kind, prompt, photo, next: other }),
  }));
}
