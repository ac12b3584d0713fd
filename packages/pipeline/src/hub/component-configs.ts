import { z } from 'zod';
import type { TextGeometry } from '../graphs/text-encoder.ts';
import type { TransformerGeometry } from '../graphs/transformer.ts';
import type { VaeGeometry } from '../graphs/vae.ts';
import type { VisionGeometry } from '../graphs/vision-encoder.ts';
import type { ProcessorConfig } from '../image/preprocess.ts';
import type { SchedulerConfig } from '../sampling/schedule.ts';

/**
 * Schemas of the components' configurations. A key that changes the maths is either understood or has to have the one
 * value that we compute; keys that the reference ignores are ignored.
 */

const count = z.int().min(1);
const must = <const T extends string | number | boolean>(value: T) =>
  z.literal(value, `must be ${value}: other values are not supported`).optional();
const off = must(false);
const unquantised = z.never('is not supported: use the unquantised weights').optional();

export interface TransformerConfig extends TransformerGeometry {
  readonly axes_dims_rope: readonly number[];
  readonly zero_cond_t: boolean;
}

/** transformer/config.json. Source: QwenImageTransformer2DModel. */
export const transformerSchema: z.ZodType<TransformerConfig> = z
  .object({
    _class_name: must('QwenImageTransformer2DModel'),
    patch_size: count.default(2),
    in_channels: count.default(64),
    out_channels: count.nullable().default(16),
    num_layers: count.default(60),
    attention_head_dim: count.multipleOf(2).default(128),
    num_attention_heads: count.default(24),
    joint_attention_dim: count.default(3584),
    axes_dims_rope: z.array(count.multipleOf(2)).length(3).default([16, 56, 56]),
    zero_cond_t: z.boolean().default(false),
    guidance_embeds: off,
    use_additional_t_cond: off,
    use_layer3d_rope: off,
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

export interface VaeConfig extends VaeGeometry {
  readonly temperal_downsample: readonly boolean[];
  readonly latents_mean: readonly number[];
  readonly latents_std: readonly number[];
}

/** vae/config.json. Source: AutoencoderKLQwenImage. */
export const vaeSchema: z.ZodType<VaeConfig> = z
  .object({
    _class_name: must('AutoencoderKLQwenImage'),
    base_dim: count.default(96),
    z_dim: count.default(16),
    dim_mult: z.array(count).min(2).default([1, 2, 4, 4]),
    num_res_blocks: count.default(2),
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

/** scheduler/scheduler_config.json; absent keys take the pipeline's defaults. Source: FlowMatchEulerDiscreteScheduler. */
export const schedulerSchema: z.ZodType<SchedulerConfig> = z.object({
  _class_name: must('FlowMatchEulerDiscreteScheduler'),
  num_train_timesteps: count.default(1000),
  use_dynamic_shifting: z.boolean().default(false),
  shift: z.number().positive().default(1),
  base_shift: z.number().default(0.5),
  max_shift: z.number().default(1.15),
  base_image_seq_len: z.number().default(256),
  max_image_seq_len: z.number().default(4096),
  shift_terminal: z.number().min(0).lt(1).nullable().default(null),
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  invert_sigmas: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  stochastic_sampling: off,
});

const ropeSchema = z.object({
  type: z.enum(['mrope', 'default'], 'must be mrope or default').optional(),
  rope_type: z.enum(['mrope', 'default'], 'must be default').optional(),
  rope_theta: z.number().positive().optional(),
  mrope_section: z.array(count).length(3).optional(),
});

const languageSchema = z.object({
  model_type: z.enum(['qwen2_5_vl', 'qwen2_5_vl_text'], 'must be qwen2_5_vl').optional(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count,
  rms_norm_eps: z.number().positive().default(1e-5),
  hidden_act: must('silu'),
  use_sliding_window: off,
  layer_types: z.array(z.literal('full_attention', 'must be full_attention: other kinds are not supported')).optional(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  quantization_config: unquantised,
});

const visionSchema = z.object({
  depth: count.default(32),
  hidden_size: count,
  intermediate_size: count,
  num_heads: count.default(16),
  out_hidden_size: count.default(3584),
  in_channels: must(3).transform(() => 3),
  in_chans: must(3),
  patch_size: count.default(14),
  temporal_patch_size: count.default(2),
  spatial_merge_size: count.default(2),
  window_size: count.default(112),
  fullatt_block_indexes: z.array(z.int().min(0)).default([7, 15, 23, 31]),
  hidden_act: must('silu'),
});

export interface TextEncoderConfig {
  readonly text: Omit<TextGeometry, 'prefix'> & {
    readonly rope_theta: number;
    readonly mrope_section: readonly number[];
  };
  readonly vision: Omit<VisionGeometry, 'prefix'>;
}

/**
 * text_encoder/config.json of both generations: flat with rope_scaling (transformers 4), or nested text_config with
 * rope_parameters (5); nested keys win where both are there. Source: Qwen2_5_VLConfig.
 */
export const textEncoderSchema: z.ZodType<TextEncoderConfig> = z
  .preprocess(flatten, languageSchema.extend({ vision_config: visionSchema }))
  .transform(({ vision_config: vision, ...language }) => {
    const rope = language.rope_parameters ?? language.rope_scaling ?? {};
    return {
      text: {
        ...language,
        rope_theta: rope.rope_theta ?? language.rope_theta ?? 1e6,
        mrope_section: rope.mrope_section ?? [16, 24, 24],
      },
      vision,
    };
  })
  .refine(
    ({ text }) =>
      text.hidden_size % (2 * text.num_attention_heads) === 0 &&
      text.num_attention_heads % text.num_key_value_heads === 0,
    {
      path: ['num_attention_heads'],
      message: 'must divide hidden_size into even parts and be a multiple of num_key_value_heads',
    },
  )
  .refine(
    ({ text }) => text.mrope_section.reduce((a, b) => a + b, 0) * 2 * text.num_attention_heads === text.hidden_size,
    {
      path: ['mrope_section'],
      message: 'must add up to half of the head size',
    },
  )
  .refine(({ text, vision }) => vision.out_hidden_size === text.hidden_size, {
    path: ['vision_config', 'out_hidden_size'],
    message: 'must be the hidden_size of the language model',
  })
  .refine(({ vision }) => vision.hidden_size % (4 * vision.num_heads) === 0, {
    path: ['vision_config', 'num_heads'],
    message: 'must divide hidden_size into parts that are multiples of 4',
  });

function flatten(json: unknown): unknown {
  const nested = z.looseObject({ text_config: z.looseObject({}) }).safeParse(json);
  return nested.success ? { ...nested.data, ...nested.data.text_config } : json;
}

const triple = z.array(z.number()).length(3);

/** preprocessor_config.json, or image_processor of processor_config.json. Source: Qwen2VLImageProcessor. */
export const processorSchema: z.ZodType<ProcessorConfig> = z
  .object({
    image_mean: triple.default([0.48145466, 0.4578275, 0.40821073]),
    image_std: triple.default([0.26862954, 0.26130258, 0.27577711]),
    min_pixels: count.nullish(),
    max_pixels: count.nullish(),
    size: z.object({ shortest_edge: count.optional(), longest_edge: count.optional() }).nullish(),
    patch_size: count.default(14),
    merge_size: count.default(2),
    temporal_patch_size: count.default(2),
    resample: must(3),
    do_resize: must(true),
    do_rescale: must(true),
    do_normalize: must(true),
    rescale_factor: z
      .number()
      .refine((factor) => Math.abs(factor * 255 - 1) < 1e-9, 'must be 1/255')
      .optional(),
  })
  .transform((c) => ({
    ...c,
    min_pixels: c.min_pixels ?? c.size?.shortest_edge ?? 56 * 56,
    max_pixels: c.max_pixels ?? c.size?.longest_edge ?? 14 * 14 * 4 * 1280,
  }));
