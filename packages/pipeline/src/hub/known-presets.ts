import type { LoraRef, Preset, ScheduleChanges } from '@qwen-edit/contract';
import { type Family, PLUS_FAMILY } from './families.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import type { TransformerConfig } from './transformer-config.ts';

/** What is known of a folder when its presets are chosen. */
export interface PresetFacts {
  readonly family: Family;
  readonly transformer: TransformerConfig;
  readonly scheduler: SchedulerConfig;
  readonly demo: boolean;
}

/** The schedule that Lightning was distilled for: the same shift for every size, and no last level but 0. */
const SCHEDULE: ScheduleChanges = { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };

type Release = '2511' | '2509';

/** Where the LoRAs of Lightning are, for each release that one was made for. The repositories have whole models too. */
const LIGHTNING: Readonly<Record<Release, (steps: number) => LoraRef>> = {
  '2511': (steps) => ({
    repo: 'lightx2v/Qwen-Image-Edit-2511-Lightning',
    file: `Qwen-Image-Edit-2511-Lightning-${steps}steps-V1.0-bf16.safetensors`,
    scale: 1,
  }),
  '2509': (steps) => ({
    repo: 'lightx2v/Qwen-Image-Lightning',
    file: `Qwen-Image-Edit-2509/Qwen-Image-Edit-2509-Lightning-${steps}steps-V1.0-bf16.safetensors`,
    scale: 1,
  }),
};

/**
 * Presets of LoRAs that are made for a released model: none for demo models, for another architecture or width, and for a folder whose
 * own schedule is Lightning's already, into which it is merged.
 */
export function knownPresets({ family, transformer, scheduler, demo }: PresetFacts): readonly Preset[] {
  const isReal =
    family === PLUS_FAMILY &&
    !demo &&
    transformer.num_layers === 60 &&
    transformer.num_attention_heads === 24 &&
    transformer.attention_head_dim === 128;
  const isLightning = scheduler.base_shift === scheduler.max_shift && scheduler.shift_terminal === null;
  if (!isReal || isLightning || !scheduler.use_dynamic_shifting) return [];
  // Only 2511 modulates its references at time 0.
  return lightningPresets(transformer.zero_cond_t ? '2511' : '2509');
}

export function lightningPresets(model: Release): readonly Preset[] {
  const lora = LIGHTNING[model];
  return [
    {
      name: 'lightning-4',
      title: { en: 'Lightning, 4 steps', zh: 'Lightning 4 步' },
      description: {
        en: `The distilled Qwen-Image-Edit-${model}-Lightning: 4 steps without guidance. The fastest; small text and faces lose detail.`,
        zh: `使用蒸馏得到的 Qwen-Image-Edit-${model}-Lightning：只需 4 步，不用引导。速度最快，小字和人脸的细节会略差。`,
      },
      ...settings(4),
      lora: [lora(4)],
    },
    {
      name: 'lightning-8',
      title: { en: 'Lightning, 8 steps', zh: 'Lightning 8 步' },
      description: {
        en: `The distilled Qwen-Image-Edit-${model}-Lightning: 8 steps without guidance. Half as fast as 4 steps, with finer detail.`,
        zh: `使用蒸馏得到的 Qwen-Image-Edit-${model}-Lightning：8 步，不用引导。耗时约为 4 步的两倍，细节更好。`,
      },
      ...settings(8),
      lora: [lora(8)],
    },
  ];
}

const settings = (steps: number) => ({ num_inference_steps: steps, true_cfg_scale: 1, schedule: SCHEDULE });

/** The presets of a folder: its own, and the known ones that it has not replaced. */
export function presetsOf(own: readonly Preset[], facts: PresetFacts): readonly Preset[] {
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...knownPresets(facts).filter(({ name }) => !names.has(name))];
}
