import { offeredPresets } from '@qwen-edit/contract';
import { createLoras, createOffers } from '../../model/loras.ts';
import type { Check } from '../check.ts';
import { type Finding, noteFinding, okFinding } from '../finding.ts';

/** The presets of the model and the LoRAs that requests may name: those that can be used, and what keeps the others from it. */
export const checkLoras: Check = async ({ modelDir, config, hub, inspectModel }) => {
  // What is wrong with the model itself is told by its own check.
  const facts = modelDir === undefined ? undefined : await inspectModel(modelDir).catch(() => undefined);
  if (modelDir === undefined || facts === undefined) return [];
  const { presets, loras } = await createOffers(createLoras(config, hub))(facts, modelDir);
  const all = [
    ...offeredPresets(presets).map((each) => ({ ...each, kind: 'preset' })),
    ...(loras ?? []).map((each) => ({ ...each, kind: 'LoRA' })),
  ];
  const usable = (kind: string): string =>
    all
      .filter((each) => each.kind === kind && each.unavailable === undefined)
      .map(({ name }) => name)
      .join(', ') || 'none';
  const fixed = config.fixedLoras.length === 0 ? '' : `; ${config.fixedLoras.length} of every edit`;
  return [
    okFinding(`presets: ${usable('preset')}; LoRAs by name: ${usable('LoRA')}${fixed}`),
    ...all.flatMap(({ kind, name, unavailable }): Finding[] =>
      unavailable === undefined ? [] : [noteFinding(`The ${kind} ${name} cannot be used: ${firstSentence(unavailable)}`, restOf(unavailable))],
    ),
  ];
};

/** What is so comes before what to do about it. */
const END = /\.(?= )/;
const firstSentence = (text: string): string => text.slice(0, (text.search(END) + 1 || text.length));
const restOf = (text: string): string | undefined => text.slice(firstSentence(text).length).trim() || undefined;
