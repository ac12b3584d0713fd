import { z } from 'zod';
import { DEVICE_NAMES } from './devices.ts';
import { PRECISION_NAMES } from './precisions.ts';

const count = z.int().min(0);
const amount = z.number().min(0);
const side = z.int().min(1);
const sizeSchema = z.object({ width: side, height: side });

/** What an engine does from its start to a result, as far as memory is concerned. */
const PLAN_STAGES = ['load', 'encode_text', 'encode_pictures', 'modulate', 'denoise', 'decode'] as const;

/** Bytes that one stage needs. */
const planStageSchema = z.object({
  stage: z.enum(PLAN_STAGES),
  /** Weights that stay in memory all through the stage. If `mapped`, they are pages of files; else they are in a device's own memory. */
  held_bytes: count,
  /** Weights that each pass reads from files, a segment at a time; of them, the largest segment is in memory. */
  streamed_bytes: count,
  segment_bytes: count,
  mapped: z.boolean(),
  /** The process itself, its sessions, and weights that it keeps in another form. */
  resident_bytes: count,
  /** What the networks compute with; freed after the stage. */
  activations_bytes: count,
  total_bytes: count,
});
export type PlanStage = Readonly<z.output<typeof planStageSchema>>;

/** How a network of several segments is kept in memory. */
const heldNetworkSchema = z.object({
  segments: count,
  /** So many of the first are held while their stage runs. Each other one is read from disk for each run. */
  held: count,
  /** Whether these also stay for the next edit. */
  stays: z.boolean(),
  /** Whether these are laid out for the processor. */
  prepacked: z.boolean(),
});

/**
 * `fits`: weights stay in memory over the steps. `streams`: it works, but weights are read from disk in each pass. `too_large`: it
 * would end without memory. `unknown`: nobody said how much memory there is.
 */
export const MEMORY_VERDICTS = ['fits', 'streams', 'too_large', 'unknown'] as const;
export type MemoryVerdict = (typeof MEMORY_VERDICTS)[number];

/** Something that would go into the memory there is, in words. */
const alternativeSchema = z.object({
  kind: z.enum(['size', 'draft', 'references', 'precision', 'disk']),
  text: z.string(),
  /** False for what a later version may do. */
  available: z.boolean(),
});
export type PlanAlternative = Readonly<z.output<typeof alternativeSchema>>;

/** What an edit needs of memory, by arithmetic from the sizes in a checkpoint's headers. */
export const memoryPlanSchema = z.object({
  device: z.enum(DEVICE_NAMES),
  precision: z.enum(PRECISION_NAMES),
  /** Why this version does not run so; null if it does. */
  obstacle: z.string().nullable(),
  stages: z.array(planStageSchema),
  /** What is held in the memory there is. The VAE is there in its stages. */
  residency: z.object({ vision: heldNetworkSchema, language: heldNetworkSchema, transformer: heldNetworkSchema }),
  /** The most that one stage needs by this plan. */
  peak_bytes: count,
  /** With so much, the weights of the transformer stay in memory over the steps. */
  fits_bytes: count,
  /** With less, it ends without memory, whatever is read from disk. */
  least_bytes: count,
  /** What is there; null if that is not known. Of a device with memory of its own it is that memory, as in all of the above. */
  memory_bytes: count.nullable(),
  /** What the engine needs of main memory beside a device's own, pages of weight files apart; null for one that has none. */
  host_bytes: count.nullable(),
  /** True if the VAE works in tiles where diffusers would not, since whole pictures do not fit: the picture differs a little then. */
  tiled: z.boolean(),
  verdict: z.enum(MEMORY_VERDICTS),
  /** Weights that each step reads from disk, since they do not stay in memory. */
  disk_bytes_a_step: count,
  /** Weights that are prepared for the precision once, on disk. */
  prepared_bytes: count,
  /** What would fit; empty if the edit does. */
  alternatives: z.array(alternativeSchema),
});
export type MemoryPlan = Readonly<z.output<typeof memoryPlanSchema>>;

const flopsSchema = z.object({
  text: amount,
  vision: amount,
  vae_encode: amount,
  step: amount,
  denoise: amount,
  vae_decode: amount,
  total: amount,
});

/**
 * How long an edit takes once it is begun. `history`: from edits that this model has made on such a device. `arithmetic`: from the
 * operations and a usual speed of processors; the right order of magnitude, and no more.
 */
export const secondsSchema = z.object({
  low: amount,
  median: amount,
  high: amount,
  basis: z.enum(['history', 'arithmetic']),
  /** Edits that a history is made of; 0 for arithmetic. */
  samples: count,
});
export type EstimatedSeconds = Readonly<z.output<typeof secondsSchema>>;

/** What is expected of an edit with one model. What older workers do not report of it is null. */
export const modelEstimateSchema = z.object({
  id: z.string(),
  digest: z.string().nullable(),
  device: z.string(),
  precision: z.string().nullable(),
  ready: z.boolean(),
  workers: count,
  result: sizeSchema,
  /** The pictures as the model sees them. */
  references: z.array(sizeSchema),
  num_inference_steps: count,
  /** Passes through the network in each step: twice as many under guidance. */
  passes: count,
  tokens: z.object({ target: count, references: count, text: count }).nullable(),
  /** Floating-point operations. */
  flops: flopsSchema.nullable(),
  memory: memoryPlanSchema.nullable(),
  seconds: secondsSchema.nullable(),
  /** The same edit with the preset `draft`, if it would take hours on a CPU and the draft much less. */
  draft: z.object({ result: sizeSchema, seconds: secondsSchema }).nullable(),
  warnings: z.array(z.string()),
});
export type ModelEstimate = Readonly<z.output<typeof modelEstimateSchema>>;

/** POST /v1/estimate. */
export const estimateSchema = z.object({
  object: z.literal('estimate'),
  /** For each model of live workers; a ready one comes first. */
  models: z.array(modelEstimateSchema),
  queue: z.object({
    /** Jobs that wait. */
    waiting: count,
    /** Seconds until one that is submitted now is begun; null if there is nothing to estimate from. */
    wait_seconds: amount.nullable(),
  }),
  warnings: z.array(z.string()),
});
export type Estimate = Readonly<z.output<typeof estimateSchema>>;
