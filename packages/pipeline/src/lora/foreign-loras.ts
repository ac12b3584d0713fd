/** Names of layers by which other architectures are known; the first that fits counts. */
const ARCHITECTURES: readonly (readonly [RegExp, string])[] = [
  [/(?:^|[._])(?:single_transformer_blocks|single_blocks|double_blocks)[._]/, 'FLUX or HunyuanVideo'],
  [/(?:^|[._])joint_blocks[._]|context_embedder/, 'Stable Diffusion 3'],
  [
    /(?:^|[._])(?:down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block)[._]/,
    'Stable Diffusion or SDXL',
  ],
  [/(?:^|[._])blocks[._]\d+[._](?:self_attn|cross_attn)/, 'Wan'],
  [
    /(?:^|[._])(?:noise_refiner|context_refiner)[._]|(?:^|[._])layers[._]\d+[._](?:attention|feed_forward)/,
    'Z-Image or Lumina',
  ],
  [
    /(?:^|[._])transformer_blocks[._]\d+[._](?:attn1|attn2)[._]/,
    'LTX-Video, PixArt or another model with attn1 and attn2',
  ],
  [/(?:^|[._])transformer_blocks[._]\d+[._](?:ff|ff_context|norm1)[._]/, 'FLUX or Stable Diffusion 3'],
  [/(?:^|[._])(?:model[._])?layers[._]\d+[._](?:self_attn|mlp)[._]/, 'a language model'],
];

/** The architecture that a layer's name belongs to; undefined if none is known. */
export function architectureOf(layer: string): string | undefined {
  return ARCHITECTURES.find(([pattern]) => pattern.test(layer))?.[1];
}
