import { z } from 'zod';
import { fieldError } from './field-errors.ts';
import { type LoraRef, loraListSchema } from './loras.ts';
import { inBothLanguages } from './model-card.ts';

/** At which size the model copies from a picture: its own, or the result's. */
export const REFERENCE_SIZES = ['model', 'output'] as const;
export type ReferenceSize = (typeof REFERENCE_SIZES)[number];

/** How much of the denoising is computed: every step, or fewer, with the rest foreseen from those before. */
export const SPEEDS = ['exact', 'balanced', 'fast'] as const;
export type Speed = (typeof SPEEDS)[number];

/** What a preset changes of the model's scheduler_config.json. A distilled LoRA is made for one schedule. */
export const scheduleChangesSchema = z.strictObject({
  base_shift: z.number().optional(),
  max_shift: z.number().optional(),
  shift_terminal: z.number().min(0).lt(1).nullable().optional(),
});
export type ScheduleChanges = Readonly<z.output<typeof scheduleChangesSchema>>;

export const PRESET_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Values under a name, for what a request does not say itself. */
export const presetSchema = z.strictObject({
  name: z.string().regex(PRESET_NAME, 'must be lower case letters, digits, dots, _ and -'),
  title: inBothLanguages.optional(),
  description: inBothLanguages.optional(),
  num_inference_steps: z.int().min(1).max(100).optional(),
  true_cfg_scale: z.number().min(0).max(100).optional(),
  /** Never makes an edit larger than the model's own. */
  output_area: z.int().min(1024).optional(),
  reference_size: z.enum(REFERENCE_SIZES).optional(),
  speed: z.enum(SPEEDS).optional(),
  /** They come before those of the request. */
  lora: loraListSchema.optional(),
  schedule: scheduleChangesSchema.optional(),
});
export type Preset = Readonly<z.output<typeof presetSchema>>;

/** A preset as a worker offers it. */
export const offeredPresetSchema = presetSchema.extend({
  /** Why it cannot be used now, and what to do about it; absent if it can. */
  unavailable: z.string().optional(),
});
export type OfferedPreset = Readonly<z.output<typeof offeredPresetSchema>>;

/** Presets of every model. Its own of the same name come first. */
const COMMON_PRESETS: readonly Preset[] = [
  { name: 'standard' },
  { name: 'draft', output_area: 512 * 512, reference_size: 'output' },
];
export const DRAFT_AREA = 512 * 512;

/** All that a model offers: its own, and those of every model that it has not replaced. */
export function offeredPresets(presets: readonly OfferedPreset[] = []): readonly OfferedPreset[] {
  const own = new Set(presets.map(({ name }) => name));
  return [...COMMON_PRESETS.filter(({ name }) => !own.has(name)), ...presets];
}

/** The preset with this name among a model's; undefined without a name, and for one that there is not. */
export function presetNamed(name: string | undefined, presets?: readonly OfferedPreset[]): OfferedPreset | undefined {
  return name === undefined ? undefined : offeredPresets(presets).find((preset) => preset.name === name);
}

/** Throws AppError `invalid_parameter` for a preset that the model does not have, with those that it has. */
export function requirePreset(name: string | undefined, presets?: readonly OfferedPreset[]): OfferedPreset | undefined {
  const preset = presetNamed(name, presets);
  if (name === undefined || preset !== undefined) return preset;
  const choices = offeredPresets(presets).map((each) => each.name);
  throw fieldError('preset', {
    code: 'not_one_of',
    rule: `must be one of ${choices.join(', ')} with this model`,
    parameters: { choices },
  });
}

/** Fewest steps that an edit with this preset may have, of a model that needs `fewest` without one: a terminal shift needs two. */
export function fewestSteps(preset: Preset | undefined, fewest = 1): number {
  const terminal = preset?.schedule?.shift_terminal;
  if (terminal === undefined) return fewest;
  return terminal === null || terminal === 0 ? 1 : 2;
}

/** What presets fill in of an edit, besides its sizes: see editSizes. */
interface Filled {
  readonly preset?: string | undefined;
  readonly num_inference_steps?: number | undefined;
  readonly true_cfg_scale?: number | undefined;
  readonly speed?: Speed | undefined;
  readonly lora?: readonly LoraRef[] | undefined;
}

/**
 * The same parameters with what their preset says where they say nothing. LoRAs of both are used. A preset that the model does not have
 * fills in nothing: requirePreset refuses it.
 *
 * @example
 * withPreset({ preset: 'lightning-4' }, model.presets).num_inference_steps // 4
 */
export function withPreset<P extends Filled>(said: P, presets?: readonly OfferedPreset[]): P & Filled {
  const preset = presetNamed(said.preset, presets);
  if (preset === undefined) return said;
  const lora = [...(preset.lora ?? []), ...(said.lora ?? [])];
  return {
    ...said,
    num_inference_steps: said.num_inference_steps ?? preset.num_inference_steps,
    true_cfg_scale: said.true_cfg_scale ?? preset.true_cfg_scale,
    speed: said.speed ?? preset.speed,
    ...(lora.length === 0 ? {} : { lora }),
  };
}
