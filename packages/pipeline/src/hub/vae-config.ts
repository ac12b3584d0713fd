import { z } from 'zod';
import { must, positiveInt, unquantised } from './config-keys.ts';

/** The keys of vae/config.json that act, by the checkpoint's own names. Source: AutoencoderKLQwenImage. */
export interface VaeConfig {
  readonly base_dim: number;
  readonly z_dim: number;
  readonly dim_mult: readonly number[];
  readonly num_res_blocks: number;
  readonly attn_scales: readonly number[];
  readonly input_channels: number;
  readonly temperal_downsample: readonly boolean[];
  readonly latents_mean: readonly number[];
  readonly latents_std: readonly number[];
}

export const vaeSchema: z.ZodType<VaeConfig> = z
  .object({
    _class_name: must('AutoencoderKLQwenImage'),
    base_dim: positiveInt.default(96),
    z_dim: positiveInt.default(16),
    dim_mult: z.array(positiveInt).min(2).default([1, 2, 4, 4]),
    num_res_blocks: positiveInt.default(2),
    attn_scales: z.array(z.number()).default([]),
    temperal_downsample: z.array(z.boolean()).default([false, true, true]),
    input_channels: must(3).transform(() => 3),
    latents_mean: z.array(z.number()),
    latents_std: z.array(z.number().positive()),
    quantization_config: unquantised,
  })
  .refine((c) => c.temperal_downsample.length === c.dim_mult.length - 1, {
    path: ['temperal_downsample'],
    message: 'must have one entry less than dim_mult',
  })
  .refine((c) => c.latents_mean.length === c.z_dim && c.latents_std.length === c.z_dim, {
    path: ['latents_mean'],
    message: 'and latents_std must have z_dim entries',
  });

/** Pixels over latents, along a side. */
export const vaeFactor = ({ temperal_downsample }: Pick<VaeConfig, 'temperal_downsample'>): number =>
  2 ** temperal_downsample.length;
