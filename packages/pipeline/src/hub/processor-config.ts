import { z } from 'zod';
import { must, positiveInt } from './config-keys.ts';

/** What the picture processor of the text encoder does. Source: Qwen2VLImageProcessor. */
export interface ProcessorConfig {
  readonly image_mean: readonly number[];
  readonly image_std: readonly number[];
  readonly min_pixels: number;
  readonly max_pixels: number;
  readonly patch_size: number;
  readonly merge_size: number;
  readonly temporal_patch_size: number;
}

const triple = z.array(z.number()).length(3);

/** preprocessor_config.json, or image_processor of processor_config.json. */
export const processorSchema: z.ZodType<ProcessorConfig> = z
  .object({
    image_mean: triple.default([0.48145466, 0.4578275, 0.40821073]),
    image_std: triple.default([0.26862954, 0.26130258, 0.27577711]),
    min_pixels: positiveInt.nullish(),
    max_pixels: positiveInt.nullish(),
    size: z.object({ shortest_edge: positiveInt.optional(), longest_edge: positiveInt.optional() }).nullish(),
    patch_size: positiveInt.default(14),
    merge_size: positiveInt.default(2),
    temporal_patch_size: positiveInt.default(2),
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
