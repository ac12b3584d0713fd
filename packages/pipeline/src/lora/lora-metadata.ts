import { z } from 'zod';

/** How strong a LoRA's layers are, as whoever trained it has noted. */
export interface LoraMetadata {
  readonly alpha?: number | undefined;
  /** Of single layers, by the end of their names. */
  readonly alphas: Readonly<Record<string, number>>;
  /** Divide by the root of the rank. */
  readonly rootOfRank: boolean;
}

const configSchema = z.object({
  lora_alpha: z.number().optional(),
  alpha_pattern: z.record(z.string(), z.number()).default({}),
  use_rslora: z.boolean().default(false),
});

const NONE: LoraMetadata = { alphas: {}, rootOfRank: false };

/** Reads the metadata that diffusers and peft write into a file. Source: LORA_ADAPTER_METADATA_KEY of diffusers 0.42. */
export function readLoraMetadata(metadata: Readonly<Record<string, unknown>>): LoraMetadata {
  const said = metadata.lora_adapter_metadata;
  if (typeof said !== 'string') return NONE;
  const config = configSchema.safeParse(ofTransformer(said));
  if (!config.success) return NONE;
  const { lora_alpha: alpha, alpha_pattern: alphas, use_rslora: rootOfRank } = config.data;
  return { alpha, alphas, rootOfRank };
}

/** The entries of the transformer, without their prefix. */
function ofTransformer(text: string): unknown {
  try {
    const all = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    return Object.fromEntries(Object.entries(all).map(([key, value]) => [key.replace(/^transformer\./, ''), value]));
  } catch {
    return undefined;
  }
}

/** What up · down of a layer is multiplied with, besides the file's own alpha: 1 if nothing was noted. */
export function factorOfMetadata({ alpha, alphas, rootOfRank }: LoraMetadata, layer: string, rank: number): number {
  const own = Object.entries(alphas).find(([end]) => `.${layer}`.endsWith(`.${end.replace(/^\^/, '')}`))?.[1];
  const value = own ?? alpha;
  if (value === undefined) return 1;
  return value / (rootOfRank ? Math.sqrt(rank) : rank);
}
