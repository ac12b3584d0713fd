import { type Language, type LoraRef, loraLabel, type Preset, type ServedModel } from '@qwen-edit/contract';
import { offeredLora } from '../lib/loras.ts';
import type { Dictionary, OfferWords } from './en.ts';

/** What people read of a preset: its own words, else the page's, else its name. */
export function presetWords(
  name: string,
  preset: Preset | undefined,
  { presets }: Dictionary,
  language: Language,
): OfferWords {
  const known = presets.known[name];
  return {
    title: preset?.title?.[language] ?? known?.title ?? name,
    help: preset?.description?.[language] ?? known?.help ?? '',
  };
}

/** What people read of a LoRA: its title, else its name or place. */
export function loraTitle(lora: Omit<LoraRef, 'scale'>, model: ServedModel | undefined, language: Language): string {
  const label = loraLabel(lora);
  return offeredLora(label, model)?.title?.[language] ?? label;
}
