import { z } from 'zod';
import { LIMITS } from './edit-parameters.ts';
import { loraNameSchema } from './loras.ts';
import { inBothLanguages, modelCardSchema } from './model-card.ts';
import { machineFactsSchema, modelShapeSchema } from './model-shape.ts';
import { offeredPresetSchema } from './presets.ts';

const pixels = z.int().min(1);

/** A LoRA that requests may name. */
export const offeredLoraSchema = z.object({
  name: loraNameSchema,
  title: inBothLanguages.optional(),
  description: inBothLanguages.optional(),
  /** Why it cannot be used now, and what to do about it; absent if it can. */
  unavailable: z.string().optional(),
});
export type OfferedLora = Readonly<z.output<typeof offeredLoraSchema>>;

/** What a loaded model is and recommends. The engine tells it, the worker reports it, the API reads the report. */
export const modelFactsSchema = z.object({
  name: z.string(),
  /** Of configurations and weights; two folders with the same digest make the same pictures. */
  digest: z.string(),
  /** True for a model that shows how things work rather than doing them well. */
  demo: z.boolean(),
  /** What is taken if a request does not say. */
  num_inference_steps: z.int().min(1),
  true_cfg_scale: z.number(),
  /** Fewest steps; an edit with fewer is refused with `steps_too_few`. */
  min_inference_steps: z.int().min(1),
  /** Pictures that an edit may have; a worker of an earlier version does not say. */
  max_images: z.int().min(1).default(LIMITS.images),
  /** Pixels of a reference for the VAE and for the text encoder, and of an output whose size a request does not say. */
  vae_image_size: pixels,
  condition_image_size: pixels,
  output_image_size: pixels,
  /** What `reference_size: model` means: `area`, vae_image_size pixels as in diffusers, or `output`, the result's size. */
  reference_size: z.enum(['area', 'output']),
  /** Sides of outputs are floored to multiples of this. */
  size_multiple: z.int().min(1),
  device: z.string(),
  precision: z.string(),
  /** Present if the device's faster kernels have failed their self-test, so that it computes with simpler ones. */
  kernels: z.literal('safe').optional(),
  /** What the cost of an edit depends on. Workers of version 0.1.0 do not report it. */
  shape: modelShapeSchema.optional(),
  /** What the worker has for it; the worker adds it to the engine's facts. */
  machine: machineFactsSchema.optional(),
  /** True while the worker has not loaded it and waits for a first job; the worker adds it too. */
  loads_with_first_job: z.boolean().optional(),
  /** Those of the model; COMMON_PRESETS hold too. Workers of earlier versions report none. */
  presets: z.array(offeredPresetSchema).optional(),
  /** LoRAs that requests may name. */
  loras: z.array(offeredLoraSchema).optional(),
  /** What the folder's model_card.json says, if there is one. */
  card: modelCardSchema.optional(),
});
export type ModelFacts = Readonly<z.output<typeof modelFactsSchema>>;

/** What decides which shapes of pictures the pipeline takes: areas of the model, and `max_side` of the request. */
export interface ShapeRules extends Partial<Pick<ModelFacts, 'vae_image_size' | 'condition_image_size'>> {
  readonly max_side?: number;
}
