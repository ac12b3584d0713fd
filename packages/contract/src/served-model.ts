import { z } from 'zod';
import { secondsSchema } from './estimate.ts';
import { editKindSchema, inBothLanguages } from './model-card.ts';
import { modelDownloadSchema } from './model-download.ts';
import { modelFactsSchema, offeredLoraSchema } from './model-facts.ts';
import { offeredPresetSchema } from './presets.ts';

const facts = modelFactsSchema.shape;

/** A model of live workers, as GET /v1/models shows it. What only a card says is null or empty without one. */
export const servedModelSchema = z.object({
  id: facts.name,
  object: z.literal('model'),
  digest: facts.digest.nullable(),
  demo: facts.demo,
  summary: inBothLanguages.nullable(),
  licence: z.string().nullable(),
  full_model: inBothLanguages.nullable(),
  edits: z.array(editKindSchema),
  /** What `preset` may be. */
  presets: z.array(offeredPresetSchema).default([]),
  /** What a `name` in `lora` may be. */
  loras: z.array(offeredLoraSchema).default([]),
  /** True if one of its workers is. */
  ready: z.boolean(),
  /** Why none of its workers is ready, in the words of one of them; null if one is, or nothing has gone wrong. */
  last_error: z.string().nullable().default(null),
  /** True if none of its workers has loaded it or does so now, and one will for the first job. */
  loads_with_first_job: z.boolean().default(false),
  /** While none of its workers is ready and one downloads it: how far the furthest one is. */
  download: modelDownloadSchema.nullable().default(null),
  workers: z.int(),
  devices: z.array(facts.device),
  /** How its workers compute, as far as they say. */
  precisions: z.array(facts.precision).default([]),
  /** Present if the faster kernels of a worker's device have failed their self-test. */
  kernels: facts.kernels,
  defaults: z.record(z.string(), z.unknown()),
  limits: z.object({
    min_inference_steps: facts.min_inference_steps,
    size_multiple: facts.size_multiple.nullable(),
    /** Pictures of one edit. */
    max_images: facts.max_images,
    /** The longest side of a result that may be asked for. */
    max_side: z.int().min(1).nullable().default(null),
    /** Pixels of the largest result that the memory of its workers allows; null if they do not say. */
    largest_output_area: z.int().min(1).nullable().default(null),
  }),
  /** How long an edit takes of which a request says nothing, with one picture; null if its workers do not say. */
  usual_seconds: secondsSchema.nullable().default(null),
  output_image_size: facts.output_image_size.nullable(),
  /** Pixels of a reference for the VAE, and whether it has these or the result's size. null: not known. */
  vae_image_size: facts.vae_image_size.nullable().default(null),
  reference_size: facts.reference_size.nullable().default(null),
});
export type ServedModel = z.output<typeof servedModelSchema>;

export const modelListSchema = z.object({
  data: z.array(servedModelSchema),
  defaults: z.record(z.string(), z.unknown()),
  limits: z.record(z.string(), z.unknown()),
});
export type ModelList = z.output<typeof modelListSchema>;
