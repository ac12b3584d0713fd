import { randomInt } from 'node:crypto';
import {
  type EditParameters,
  GUIDE_DEFAULTS,
  type LoraRef,
  type OutputFormat,
  type ReferenceSize,
  requirePreset,
  type ScheduleChanges,
  type Speed,
  withPreset,
} from '@qwen-edit/contract';
import type { EditConfig } from './hub/edit-config.ts';

/** Every parameter of an edit with its value; names are diffusers'. */
export interface ResolvedParameters {
  readonly prompt: string;
  readonly negative_prompt: string | null;
  readonly num_inference_steps: number;
  readonly true_cfg_scale: number;
  readonly guidance_scale: number;
  readonly seed: string;
  readonly num_images_per_prompt: number;
  readonly max_side: number;
  readonly height: number;
  readonly width: number;
  readonly reference_size: ReferenceSize;
  readonly speed: Speed;
  readonly output_format: OutputFormat;
  /** Its values stand in the other parameters; its LoRAs and its schedule act besides. */
  readonly preset?: string;
  /** As the request says them, without those of the preset, so that the same parameters make the same edit again. */
  readonly lora?: readonly LoraRef[];
}

/** Those that the pictures have no part in. */
export type SettledParameters = Omit<ResolvedParameters, 'height' | 'width' | 'reference_size'>;

/**
 * Each parameter from the request, else from its preset, else what the checkpoint recommends, else the guide's default. Those of sizes
 * come from requireEditSizes, when the pictures are known. `seed`: of the snapshot from which the edit continues. Throws AppError
 * `invalid_parameter` for a preset that the model does not have.
 */
export function resolveParameters(said: EditParameters, config: EditConfig, seed?: string): SettledParameters {
  requirePreset(said.preset, config.presets);
  const given = withPreset(said, config.presets);
  const wanted = given.seed ?? GUIDE_DEFAULTS.seed;
  return {
    prompt: given.prompt,
    negative_prompt: given.negative_prompt === undefined ? GUIDE_DEFAULTS.negative_prompt : given.negative_prompt,
    num_inference_steps: given.num_inference_steps ?? config.num_inference_steps,
    true_cfg_scale: given.true_cfg_scale ?? config.true_cfg_scale,
    guidance_scale: given.guidance_scale ?? GUIDE_DEFAULTS.guidance_scale,
    seed: wanted === '-1' ? (seed ?? drawSeed()) : wanted,
    num_images_per_prompt: given.num_images_per_prompt ?? GUIDE_DEFAULTS.num_images_per_prompt,
    max_side: given.max_side ?? GUIDE_DEFAULTS.max_side,
    speed: given.speed ?? GUIDE_DEFAULTS.speed,
    output_format: given.output_format ?? GUIDE_DEFAULTS.output_format,
    ...(said.preset === undefined ? {} : { preset: said.preset }),
    ...(said.lora === undefined || said.lora.length === 0 ? {} : { lora: said.lora }),
  };
}

/** What the preset of a request changes of the checkpoint's schedule. */
export function scheduleChanges({ preset }: Pick<EditParameters, 'preset'>, config: EditConfig): ScheduleChanges {
  return requirePreset(preset, config.presets)?.schedule ?? {};
}

/** 32 bits: torch's generator ignores higher ones. */
function drawSeed(): string {
  return randomInt(0, 2 ** 32).toString();
}

/** Whether the negative prompt has an effect. Source: do_true_cfg. */
export function usesGuidance(p: Pick<ResolvedParameters, 'true_cfg_scale' | 'negative_prompt'>): boolean {
  return p.true_cfg_scale > 1 && p.negative_prompt !== null;
}

/** One sentence for each thing that the request or edit_config.json asks for and that has no effect. */
export function warningsOf(given: EditParameters, p: SettledParameters, config: EditConfig): string[] {
  const warnings = config.unknown.map(
    (key) => `edit_config.json: ${key} is not a key that is known, it has no effect.`,
  );
  if (given.guidance_scale !== undefined && given.guidance_scale !== 1) {
    warnings.push(
      'guidance_scale has no effect: this model is not guidance-distilled. true_cfg_scale is what steers it.',
    );
  }
  if (p.true_cfg_scale > 1 && p.negative_prompt === null) {
    warnings.push('true_cfg_scale has no effect without a negative prompt; an empty one is enough.');
  }
  if (given.negative_prompt != null && given.negative_prompt.trim() !== '' && p.true_cfg_scale <= 1) {
    warnings.push('negative_prompt has no effect with a true_cfg_scale of 1 or less.');
  }
  return warnings;
}
