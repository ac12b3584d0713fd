import {
  AppError,
  didYouMean,
  type EditParameters,
  fewestSteps,
  GUIDE_DEFAULTS,
  type LoraRef,
  nearestOf,
  offeredPresets,
  requirePreset,
  withPreset,
} from '@qwen-edit/contract';
import type { ReportedFacts } from '../model-facts.ts';

type Said = Partial<Pick<EditParameters, 'preset' | 'lora' | 'num_inference_steps'>>;

/**
 * Refuses now what every worker would refuse later, as far as live ones tell: a preset that the model does not have, `invalid_parameter`; one
 * that no worker can use, or a LoRA by a name that none has, `lora_not_found`; `steps_too_few`. Without a worker, and of workers that do not
 * tell what they offer, as those that still download their model, nothing is known.
 */
export function requireOffered(said: Said, model: ReportedFacts | undefined): void {
  const { presets, loras } = model ?? {};
  const preset = presets === undefined ? undefined : requirePreset(said.preset, presets);
  if (preset?.unavailable !== undefined)
    throw new AppError('lora_not_found', `The preset ${preset.name} cannot be used now: ${preset.unavailable}`, {
      callerHint: `Use another preset${usable(offeredPresets(presets), preset.name)}, or tell whoever runs the service.`,
    });
  if (loras !== undefined) for (const lora of said.lora ?? []) requireName(lora, loras);
  const fewest = fewestSteps(preset, model?.min_inference_steps);
  const steps =
    withPreset(said, presets).num_inference_steps ?? model?.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps;
  if (steps < fewest) throw new AppError('steps_too_few', `This model needs ${fewest} steps or more, not ${steps}.`);
}

function usable(presets: ReturnType<typeof offeredPresets>, not: string): string {
  const names = presets.filter(({ name, unavailable }) => name !== not && unavailable === undefined);
  return names.length === 0 ? '' : ` (${names.map(({ name }) => name).join(', ')})`;
}

function requireName({ name, scale }: LoraRef, offered: NonNullable<ReportedFacts['loras']>): void {
  // What is not added need not be there.
  if (name === undefined || scale === 0) return;
  const lora = offered.find((each) => each.name === name);
  if (lora === undefined) {
    const meant = didYouMean(
      nearestOf(
        name,
        offered.map((each) => each.name),
      ),
    );
    throw new AppError('lora_not_found', `No worker offers a LoRA ${name}.${meant}`);
  }
  if (lora.unavailable !== undefined)
    throw new AppError('lora_not_found', `The LoRA ${name} cannot be used now: ${lora.unavailable}`);
}
