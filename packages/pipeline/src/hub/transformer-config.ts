import { z } from 'zod';
import { must, positiveInt, unquantised } from './config-keys.ts';

/** The keys of transformer/config.json that act, by the checkpoint's own names. Source: QwenImageTransformer2DModel. */
export interface TransformerConfig {
  readonly in_channels: number;
  /** patch_size² · out_channels: channels of a packed latent. */
  readonly packed_channels: number;
  readonly num_layers: number;
  readonly attention_head_dim: number;
  readonly num_attention_heads: number;
  readonly joint_attention_dim: number;
  readonly axes_dims_rope: readonly number[];
  readonly zero_cond_t: boolean;
}

/** Whose keys these are: its pipeline makes layers, with another rotary table. */
const LAYERED = 'true is for Qwen-Image-Layered, another kind of model';

export const transformerSchema: z.ZodType<TransformerConfig> = z
  .object({
    _class_name: must('QwenImageTransformer2DModel'),
    patch_size: positiveInt.default(2),
    in_channels: positiveInt.default(64),
    out_channels: positiveInt.nullable().default(16),
    num_layers: positiveInt.default(60),
    attention_head_dim: positiveInt.multipleOf(2).default(128),
    num_attention_heads: positiveInt.default(24),
    joint_attention_dim: positiveInt.default(3584),
    axes_dims_rope: z.array(positiveInt.multipleOf(2)).length(3).default([16, 56, 56]),
    zero_cond_t: z.boolean().default(false),
    guidance_embeds: must(false, 'guidance-distilled weights are not supported, here as in diffusers'),
    use_additional_t_cond: must(false, LAYERED),
    use_layer3d_rope: must(false, LAYERED),
    quantization_config: unquantised,
  })
  .transform((c) => ({ ...c, packed_channels: c.patch_size ** 2 * (c.out_channels ?? c.in_channels) }))
  .refine((c) => c.axes_dims_rope.reduce((a, b) => a + b, 0) === c.attention_head_dim, {
    path: ['axes_dims_rope'],
    message: 'must add up to attention_head_dim',
  })
  .refine((c) => c.packed_channels === c.in_channels, {
    path: ['out_channels'],
    message: 'times patch_size² must be in_channels',
  });
