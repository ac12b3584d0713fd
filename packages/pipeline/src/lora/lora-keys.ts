/** What a tensor of a LoRA file is for its layer. */
type Part = 'down' | 'up' | 'alpha';

/** A key of a LoRA file, taken apart. */
export interface LoraKey {
  /** The layer as the file names it, without what stands before it: `transformer_blocks.0.attn.to_q`, or with `_` for the dots. */
  readonly layer: string;
  readonly part: Part;
}

/** What files put before the names of layers. Source: loaders/lora_conversion_utils.py of diffusers 0.42, and what trainers write. */
const PREFIXES = [
  'base_model.model.',
  'model.diffusion_model.',
  'diffusion_model.',
  'transformer.',
  'lora_unet_',
  'lora_transformer_',
] as const;

const ENDINGS: readonly (readonly [RegExp, Part])[] = [
  [/\.(?:lora_A|lora_down|lora\.down)(?:\.[\w-]+)?\.weight$/, 'down'],
  [/\.(?:lora_B|lora_up|lora\.up)(?:\.[\w-]+)?\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
];

/**
 * Takes a key apart, in any of the layouts: diffusers' (`transformer.` before the layer, or nothing), peft's with the name of an adapter
 * (`lora_A.default`), `diffusion_model.`, kohya's (`lora_unet_`, dots as `_`), each with lora_A and lora_B or lora_down and lora_up.
 * undefined for any other.
 *
 * @example
 * loraKeyOf('lora_unet_transformer_blocks_0_attn_to_q.lora_down.weight') // { layer: 'transformer_blocks_0_attn_to_q', part: 'down' }
 */
export function loraKeyOf(key: string): LoraKey | undefined {
  for (const [ending, part] of ENDINGS) {
    const match = ending.exec(key);
    if (match !== null) return { layer: withoutPrefix(key.slice(0, match.index)), part };
  }
  return undefined;
}

function withoutPrefix(name: string): string {
  // `default.` before the layer, as some files of LightX2V and of peft have it.
  const plain = name.replace(/(^|\.)default\./, '$1');
  const prefix = PREFIXES.find((each) => plain.startsWith(each));
  return prefix === undefined ? plain : withoutPrefix(plain.slice(prefix.length));
}

/** Kinds of adapters that add something else than two thin matrices. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.(?:dora_scale|lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?)$/, 'DoRA'],
  [/\.lokr_\w+$/, 'LoKr'],
  [/\.hada_\w+$/, 'LoHa'],
  [/\.lora_mid\.weight$/, 'LoCon with a middle matrix'],
  [/\.(?:diff|diff_b|set_weight)$/, 'whole differences of weights'],
  [/\.(?:oft_\w+|boft_\w+)$/, 'OFT'],
  [/\.(?:lora_B|lora_up)(?:\.[\w-]+)?\.bias$/, 'LoRA with a bias'],
  [/^(?:text_encoder|lora_te)\d*[._]/, 'layers of a text encoder'],
  [/^lora_prefix$|\.ip_adapter|^image_proj\./, 'IP-Adapter'],
];

/** What a file with this key holds beside or instead of a LoRA; undefined if nothing is known. */
export function otherKindOf(key: string): string | undefined {
  return OTHER_KINDS.find(([pattern]) => pattern.test(key))?.[1];
}
