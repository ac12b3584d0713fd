import { LORA_LIMITS, type LoraRef, loraListSchema, type OfferedLora, type ServedModel } from '@qwen-edit/contract';

/** A LoRA that is on. */
export type FormLora = LoraRef & {
  /** True if an example prompt has switched it on, and nobody has touched it since. */
  readonly byExample?: true;
};

/** A scale by slider; more can be typed. 1 is the strength with which a LoRA was trained. */
export const SCALE_RANGE = {
  ...{ min: 0, max: 2, step: 0.05, recommended: 1 },
  typedMin: LORA_LIMITS.scale.min,
  typedMax: LORA_LIMITS.scale.max,
} as const;

/** Equal for two that are the same LoRA at whatever scale. */
export const loraKey = ({ name, path, repo, file }: LoraRef): string => JSON.stringify([name, path, repo, file]);

/** The `lora` of a job. */
export function lorasOfInput(lora: unknown): readonly LoraRef[] {
  const read = loraListSchema.safeParse(lora ?? []);
  return read.success ? read.data : [];
}

/** What a request says of them. */
export const loraRefs = (loras: readonly FormLora[]): readonly LoraRef[] =>
  loras.map(({ byExample: _, ...lora }) => lora);

/** The same list with this LoRA on or off, by the reader's hand. */
export function withLora(loras: readonly FormLora[], lora: LoraRef, on: boolean): readonly FormLora[] {
  const others = loras.filter((each) => loraKey(each) !== loraKey(lora));
  return on ? [...others, lora] : others;
}

/** The same list with this LoRA at another scale, by the reader's hand. */
export function withScale(loras: readonly FormLora[], lora: LoraRef, scale: number): readonly FormLora[] {
  const key = loraKey(lora);
  return loras.map((each) => {
    const { byExample: _, ...said } = each;
    return loraKey(each) === key ? { ...said, scale } : each;
  });
}

export const isListFull = (loras: readonly FormLora[]): boolean => loras.length >= LORA_LIMITS.count;

/** The LoRA of a name; undefined for one that the model does not offer. */
export const offeredLora = (name: string, model: ServedModel | undefined): OfferedLora | undefined =>
  model?.loras.find((each) => each.name === name);

/** True once the service has told all of a model: while it is downloaded, only its name is known. */
export const isToldOf = (model: ServedModel | undefined): model is ServedModel =>
  model !== undefined && model.digest !== null;

/** False for one that is known to be refused: a name that the model does not offer, or cannot use now. */
export function isUsable({ name }: LoraRef, model: ServedModel | undefined): boolean {
  if (!isToldOf(model) || name === undefined) return true;
  const offered = offeredLora(name, model);
  return offered !== undefined && offered.unavailable === undefined;
}

/** The same list for an example: the LoRA that it needs is on, and those that only other examples needed are off. */
export function withExample(
  loras: readonly FormLora[],
  needed: string | undefined,
  model: ServedModel | undefined,
): readonly FormLora[] {
  const kept = loras.filter(({ byExample, name }) => byExample !== true || name === needed);
  if (needed === undefined || kept.some(({ name }) => name === needed) || isListFull(kept)) return kept;
  return isUsable({ name: needed, scale: 1 }, model) ? [...kept, { name: needed, scale: 1, byExample: true }] : kept;
}

/** A line of the list of LoRAs. */
export interface LoraLine {
  readonly lora: LoraRef;
  /** undefined for one that only the form names, as one of a job of the API. */
  readonly offered: OfferedLora | undefined;
  readonly on: boolean;
  /** The scale at which the preset adds it already. */
  readonly inPreset: number | undefined;
}

/** All that the model offers, then what else the form names. */
export function loraLines(
  loras: readonly FormLora[],
  model: ServedModel | undefined,
  ofPreset: readonly LoraRef[] = [],
): readonly LoraLine[] {
  const scaleIn = (lora: LoraRef): number | undefined =>
    ofPreset.find((each) => loraKey(each) === loraKey(lora))?.scale;
  const offered = (model?.loras ?? []).map((offer): LoraLine => {
    const lora = { name: offer.name, scale: SCALE_RANGE.recommended };
    const own = loras.find((each) => loraKey(each) === loraKey(lora));
    return { lora: own ?? lora, offered: offer, on: own !== undefined, inPreset: scaleIn(lora) };
  });
  const others = loras.filter(({ name }) => name === undefined || offeredLora(name, model) === undefined);
  return [...offered, ...others.map((lora) => ({ lora, offered: undefined, on: true, inPreset: scaleIn(lora) }))];
}
