import {
  type ChoiceName,
  DIFFUSERS_AREAS,
  type NumberName,
  type OfferedPreset,
  offeredPresets,
  type Preset,
  presetNamed,
  type ServedModel,
  type SizeFacts,
} from '@qwen-edit/contract';
import { isToldOf, isUsable } from './loras.ts';
import { type FormValues, STANDARD } from './parameters.ts';
import { SIZE_NUMBERS } from './size.ts';

/**
 * What the page offers; of a service that names none, those of every model. The standard is sent as nothing, so that it says nothing
 * here either, whatever the model makes of its name.
 */
export const shownPresets = (model: ServedModel | undefined): readonly OfferedPreset[] =>
  offeredPresets(model?.presets).map((preset) =>
    preset.name === STANDARD ? { name: STANDARD, title: preset.title, description: preset.description } : preset,
  );

/** The preset of a form, if the model has it and can use it now. */
export function presetInForce(
  { preset }: Pick<FormValues, 'preset'>,
  model: ServedModel | undefined,
): OfferedPreset | undefined {
  const named = presetNamed(preset, model?.presets);
  return named?.unavailable === undefined ? named : undefined;
}

/** True for a preset that the form names and this model cannot use. Before its presets are known, nothing is lost. */
export function isLost(form: Pick<FormValues, 'preset'>, model: ServedModel | undefined): boolean {
  return isToldOf(model) && form.preset !== undefined && presetInForce(form, model) === undefined;
}

/** The form as the model takes it: without the preset and the named LoRAs that it does not offer, or cannot use now. */
export function formInForce(form: FormValues, model: ServedModel | undefined): FormValues {
  const loras = form.loras.filter((lora) => isUsable(lora, model));
  return { ...form, preset: isLost(form, model) ? undefined : form.preset, loras };
}

/** The name that a form has for the choice of this preset: none for the standard. */
export const presetChoice = (name: string): string | undefined => (name === STANDARD ? undefined : name);

/** Pixels of a result, where the preset makes it smaller than the model would. */
export function smallerArea({ output_area }: Preset, sizes: SizeFacts): number | undefined {
  const own = sizes.output_image_size ?? sizes.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size;
  return output_area === undefined || output_area >= own ? undefined : output_area;
}

/** What of a preset the form's own wishes go before. `size` stands for all that says the result's size. */
export type Overridden =
  | Extract<NumberName, 'num_inference_steps' | 'true_cfg_scale'>
  | Exclude<ChoiceName, 'output_format'>
  | 'size';

export function overriddenBy({ numbers, choices }: FormValues, preset: Preset | undefined): readonly Overridden[] {
  if (preset === undefined) return [];
  const wished = (name: 'num_inference_steps' | 'true_cfg_scale'): boolean =>
    preset[name] !== undefined && numbers[name] !== undefined && numbers[name] !== preset[name];
  const chosen = (name: 'reference_size' | 'speed'): boolean =>
    preset[name] !== undefined && choices[name] !== undefined && choices[name] !== preset[name];
  const sized = preset.output_area !== undefined && SIZE_NUMBERS.some((name) => numbers[name] !== undefined);
  return [
    ...(sized ? (['size'] as const) : []),
    ...(['num_inference_steps', 'true_cfg_scale'] as const).filter(wished),
    ...(['reference_size', 'speed'] as const).filter(chosen),
  ];
}

/** The same form without the wishes that go before the preset's values. */
export function asPresetSays(form: FormValues, overridden: readonly Overridden[]): FormValues {
  const gone = new Set<string>(overridden.flatMap((name) => (name === 'size' ? SIZE_NUMBERS : [name])));
  const kept = <T>(values: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(values).filter(([name]) => !gone.has(name)));
  return { ...form, numbers: kept(form.numbers), choices: kept(form.choices) };
}
