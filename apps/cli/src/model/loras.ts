import type { LoraRef } from '@qwen-edit/contract';
import { createResolveLora, type HubSettings, type LorasOfModel } from '@qwen-edit/hub';
import { createLoraOffer, type LoraOffer, lorasOfModel, type OfferFacts, type ResolveLora } from '@qwen-edit/pipeline';
import type { Config } from '../settings.ts';
import { expandHome } from './cache-folders.ts';

export type LoraConfig = Pick<Config, 'loras' | 'loraDirs' | 'fixedLoras'>;

/** What the settings say of LoRAs. */
export interface Loras {
  /** LoRAs of every edit. */
  readonly fixed: readonly LoraRef[];
  /** Names that requests may use, besides those of the model. */
  readonly names: readonly string[];
  /** Finds the files of LoRAs for a model, and says which may be used. */
  resolverFor(modelDir: string): ResolveLora;
}

/**
 * LoRAs as QWEN_EDIT_LORAS, QWEN_EDIT_LORA_DIRS and QWEN_EDIT_LORA say. The one place that decides what may be used. `anything`: the command
 * runs on its user's behalf, who may read every file anyway.
 */
export function createLoras(
  config: LoraConfig,
  hub: Pick<HubSettings, 'cacheDir'>,
  { anything = false }: { readonly anything?: boolean } = {},
): Loras {
  const named = new Map(
    [...config.loras.named].map(([name, place]) => [name, 'path' in place ? { path: expandHome(place.path) } : place]),
  );
  const fixed = config.fixedLoras.map((lora) => ({
    ...lora,
    ...(lora.path === undefined ? {} : { path: expandHome(lora.path) }),
  }));
  const settings = { named, repos: config.loras.repos, dirs: config.loraDirs.map(expandHome), fixed, anything };
  return {
    fixed,
    names: [...named.keys()],
    resolverFor: (modelDir) => createResolveLora({ ...settings, ofModel: onceKnown(modelDir) }, hub),
  };
}

/** The LoRAs that a model folder names, read once. */
function onceKnown(dir: string): () => Promise<LorasOfModel> {
  let known: LorasOfModel | undefined;
  return async () => {
    known ??= { dir, loras: await lorasOfModel(dir) };
    return known;
  };
}

/** What a model offers now, by its folder. Without a folder nothing is known yet: see createLoraOffer. */
export function createOffers(
  loras: Pick<Loras, 'names' | 'resolverFor'>,
): (facts: OfferFacts, dir: string | undefined) => Promise<Partial<LoraOffer>> {
  const offers = new Map<string, (facts: OfferFacts) => Promise<LoraOffer>>();
  return async (facts, dir) => {
    if (dir === undefined) return {};
    const offer =
      offers.get(dir) ?? createLoraOffer({ modelDir: dir, resolveLora: loras.resolverFor(dir), names: loras.names });
    offers.set(dir, offer);
    return offer(facts);
  };
}
