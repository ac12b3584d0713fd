import {
  DIFFUSERS_AREAS,
  GUIDE_DEFAULTS,
  inBothLanguages,
  LIMITS,
  type LoraRef,
  loraListSchema,
  loraNameSchema,
  type Preset,
  presetSchema,
} from '@qwen-edit/contract';
import { z } from 'zod';
import { type Family, PLUS_FAMILY } from './families.ts';
import { checkConfig } from './read-json.ts';

/** A LoRA that comes with the model, under its name. */
const ownLoraSchema = z.strictObject({
  /** Of its file, below the model's folder. */
  path: z.string().min(1),
  title: inBothLanguages.optional(),
  description: inBothLanguages.optional(),
});

const area = z
  .int()
  .min(32 * 32)
  .max(LIMITS.side ** 2);

/**
 * edit_config.json, which a checkpoint may have beside model_index.json: what its training asks for. A request comes before
 * this file, and this file before the guide's defaults. Keys that are not listed here have no effect; results warn of them.
 */
const editConfigSchema = z.object({
  /** Pixels that a reference has for the VAE. diffusers: 1024². */
  vae_image_size: area.optional(),
  /** Pixels that a reference has for the text encoder. diffusers: 384², or vae_image_size; see families.ts. */
  condition_image_size: area.optional(),
  /**
   * `area`, as in diffusers: a reference has vae_image_size pixels, whatever the output has. `output`: it has the output's
   * size, cropped to its ratio if that differs; for models that find things by their place.
   */
  reference_size: z.enum(['area', 'output']).optional(),
  /** Pixels of the output if the request gives no size. Default: vae_image_size. */
  output_image_size: area.optional(),
  /** Recommended steps. */
  num_inference_steps: z.int().min(1).max(LIMITS.inferenceSteps).optional(),
  /** Recommended guidance; 1 or less switches it off. */
  true_cfg_scale: z.number().min(0).max(LIMITS.guidance).optional(),
  /** True for a model that shows how things work rather than doing them well. */
  demo: z.boolean().optional(),
  /** What `preset` of a request may be, besides those of every model. */
  presets: z
    .array(presetSchema)
    .max(20)
    .refine((presets) => new Set(presets.map(({ name }) => name)).size === presets.length, 'must not hold a name twice')
    .optional(),
  /** LoRAs that requests may name. */
  loras: z.record(loraNameSchema, ownLoraSchema).optional(),
  /** LoRAs of every edit. */
  lora: loraListSchema.optional(),
});

const HINT = 'Correct the named key of edit_config.json, or remove it; docs/model-folder.md lists what each may be.';

export type OwnLora = Readonly<z.output<typeof ownLoraSchema>>;

export interface EditConfig {
  readonly vae_image_size: number;
  readonly condition_image_size: number;
  readonly reference_size: 'area' | 'output';
  readonly output_image_size: number;
  readonly num_inference_steps: number;
  readonly true_cfg_scale: number;
  readonly demo: boolean;
  readonly presets: readonly Preset[];
  readonly loras: Readonly<Record<string, OwnLora>>;
  /** Of every edit. */
  readonly lora: readonly LoraRef[];
  /** Keys of the file that have no effect. */
  readonly unknown: readonly string[];
}

/** `family`: whose values hold where the file says nothing. */
export function resolveEditConfig(json: unknown, family: Family = PLUS_FAMILY): EditConfig {
  const given = checkConfig(editConfigSchema, json, 'edit_config.json', HINT);
  const vae_image_size = given.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size;
  return {
    vae_image_size,
    condition_image_size: given.condition_image_size ?? family.conditionArea(vae_image_size),
    reference_size: given.reference_size ?? 'area',
    output_image_size: given.output_image_size ?? vae_image_size,
    num_inference_steps: given.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps,
    true_cfg_scale: given.true_cfg_scale ?? GUIDE_DEFAULTS.true_cfg_scale,
    demo: given.demo ?? false,
    presets: given.presets ?? [],
    loras: given.loras ?? {},
    lora: given.lora ?? [],
    unknown: Object.keys(Object(json)).filter((key) => !Object.hasOwn(editConfigSchema.shape, key)),
  };
}
