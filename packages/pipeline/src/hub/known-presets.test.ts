import { presetSchema } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { familySchema, PLUS_FAMILY } from './families.ts';
import { knownPresets, type PresetFacts, presetsOf } from './known-presets.ts';
import { schedulerSchema } from './scheduler-config.ts';
import { transformerSchema } from './transformer-config.ts';

const transformer = (more: object = {}) =>
  transformerSchema.parse({ _class_name: 'QwenImageTransformer2DModel', zero_cond_t: true, ...more });
const scheduler = (more: object = {}) =>
  schedulerSchema.parse({
    ...{ _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true },
    ...{ base_shift: 0.5, max_shift: 0.9, shift_terminal: 0.02, ...more },
  });
const real: PresetFacts = { family: PLUS_FAMILY, transformer: transformer(), scheduler: scheduler(), demo: false };
const names = (facts: Partial<PresetFacts>): string[] => knownPresets({ ...real, ...facts }).map(({ name }) => name);

it('Qwen-Image-Edit-2511 has Lightning of 4 and 8 steps: no guidance, the constant shift, and its own files', () => {
  const presets = knownPresets(real);
  expect(presets.map((preset) => presetSchema.parse(preset))).toEqual(presets);
  expect(presets).toMatchObject(
    [4, 8].map((steps) => ({
      name: `lightning-${steps}`,
      num_inference_steps: steps,
      true_cfg_scale: 1,
      schedule: { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null },
      lora: [
        {
          repo: 'lightx2v/Qwen-Image-Edit-2511-Lightning',
          file: `Qwen-Image-Edit-2511-Lightning-${steps}steps-V1.0-bf16.safetensors`,
        },
      ],
    })),
  );
});

it('Qwen-Image-Edit-2509 has the ones that were made for it', () => {
  const [four] = knownPresets({ ...real, transformer: transformer({ zero_cond_t: false }) });
  expect(four).toMatchObject({ name: 'lightning-4', lora: [{ repo: 'lightx2v/Qwen-Image-Lightning' }] });
  expect(four?.lora?.[0]?.file).toContain('2509-Lightning-4steps');
});

describe('there are none', () => {
  it.each<[string, Partial<PresetFacts>]>([
    ['of a demo model', { demo: true }],
    ['of a model of another depth', { transformer: transformer({ num_layers: 2 }) }],
    ['of another width', { transformer: transformer({ num_attention_heads: 2 }) }],
    ['of the first Qwen-Image-Edit', { family: familySchema.parse({ _class_name: 'QwenImageEditPipeline' }) }],
    [
      'of a folder that Lightning is merged into',
      { scheduler: scheduler({ base_shift: 1.0986, max_shift: 1.0986, shift_terminal: null }) },
    ],
    [
      'of a constant shift, which the preset could not change',
      { scheduler: scheduler({ use_dynamic_shifting: false }) },
    ],
  ])('%s', (_, facts) => {
    expect(names(facts)).toEqual([]);
  });
});

it('a preset of the folder comes before the known one of its name', () => {
  const own = { name: 'lightning-4', num_inference_steps: 5 };
  expect(presetsOf([own], real).map(({ name, num_inference_steps }) => [name, num_inference_steps])).toEqual([
    ['lightning-4', 5],
    ['lightning-8', 8],
  ]);
});
