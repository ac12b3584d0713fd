import { z } from 'zod';
import { must, off, positiveInt, unquantised } from './config-keys.ts';

/** The keys of the language model that act, by the checkpoint's own names. Source: Qwen2_5_VLTextModel. */
export interface LanguageConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly mrope_section: readonly number[];
}

/** The keys of vision_config that act. Source: Qwen2_5_VisionTransformerPretrainedModel. */
export interface VisionConfig {
  readonly depth: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_heads: number;
  readonly out_hidden_size: number;
  readonly in_channels: number;
  readonly patch_size: number;
  readonly temporal_patch_size: number;
  readonly spatial_merge_size: number;
  readonly window_size: number;
  readonly fullatt_block_indexes: readonly number[];
}

export interface TextEncoderConfig {
  readonly text: LanguageConfig;
  readonly vision: VisionConfig;
}

const ropeSchema = z.object({
  type: z.enum(['mrope', 'default'], 'must be mrope or default').optional(),
  rope_type: z.enum(['mrope', 'default'], 'must be default').optional(),
  rope_theta: z.number().positive().optional(),
  mrope_section: z.array(positiveInt).length(3).optional(),
});

const languageSchema = z.object({
  model_type: z.enum(['qwen2_5_vl', 'qwen2_5_vl_text'], 'must be qwen2_5_vl').optional(),
  vocab_size: positiveInt,
  hidden_size: positiveInt,
  intermediate_size: positiveInt,
  num_hidden_layers: positiveInt,
  num_attention_heads: positiveInt,
  num_key_value_heads: positiveInt,
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
  depth: positiveInt.default(32),
  hidden_size: positiveInt,
  intermediate_size: positiveInt,
  num_heads: positiveInt.default(16),
  out_hidden_size: positiveInt.default(3584),
  in_channels: must(3).transform(() => 3),
  in_chans: must(3),
  patch_size: positiveInt.default(14),
  temporal_patch_size: positiveInt.default(2),
  spatial_merge_size: positiveInt.default(2),
  window_size: positiveInt.default(112),
  fullatt_block_indexes: z.array(z.int().min(0)).default([7, 15, 23, 31]),
  hidden_act: must('silu'),
});

/**
 * text_encoder/config.json of both generations: flat with rope_scaling (transformers 4), or nested text_config with
 * rope_parameters (5); if both are there, the nested keys positiveInt. Source: Qwen2_5_VLConfig.
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
