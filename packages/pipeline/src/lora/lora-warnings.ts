import type { PrecisionName } from '@qwen-edit/contract';
import type { UsedLora } from '../types.ts';

/** Distilled LoRAs are made for so many steps or fewer. */
const FEW_STEPS = 8;

/** One sentence for few steps with a LoRA over weights in 4 bits, none otherwise: what is known of Lightning over such weights. */
export function loraWarnings(loras: readonly UsedLora[], precision: PrecisionName, steps: number): readonly string[] {
  if (loras.length === 0 || precision !== 'w4' || steps > FEW_STEPS) return [];
  return [
    `${steps} steps with a LoRA over weights in 4 bits (w4) often give damaged pictures: few steps leave little room to correct the rounding. Use w8 or w8a8 if the result is poor.`,
  ];
}
