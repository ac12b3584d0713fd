import type { EditKind, ServedModel } from '@qwen-edit/contract';

/** The kind of edit that a prompt asks for word by word, if the model's list has it. */
export function kindOfPrompt(prompt: string, model: ServedModel | undefined): EditKind | undefined {
  const said = prompt.trim();
  return model?.edits.find(({ prompts }) => [...prompts.en, ...prompts.zh].includes(said));
}
