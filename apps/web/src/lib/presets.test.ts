import { modelListSchema, type OfferedPreset, type ServedModel } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { dictionaries } from '../i18n/dictionaries.ts';
import { loraTitle, presetWords } from '../i18n/offer-words.ts';
import { EMPTY_FORM, type FormValues, requestParameters } from './parameters.ts';
import {
  asPresetSays,
  formInForce,
  isLost,
  overriddenBy,
  presetChoice,
  presetInForce,
  shownPresets,
  smallerArea,
} from './presets.ts';

const LIGHTNING: OfferedPreset = {
  name: 'lightning-4',
  num_inference_steps: 4,
  true_cfg_scale: 1,
  output_area: 65_536,
  speed: 'exact',
};
const AWAY: OfferedPreset = { name: 'lightning-8', num_inference_steps: 8, unavailable: 'Its file is gone.' };

/** A model as the service lists it; `more`: what a later service says of it too. */
function served(more: object): ServedModel {
  const model = {
    ...{ id: 'm', object: 'model', digest: 'sha256:m', demo: false, summary: null, licence: null, full_model: null },
    ...{ edits: [], ready: true, workers: 1, devices: ['cpu'], defaults: {}, output_image_size: null },
    limits: { min_inference_steps: 1, size_multiple: null, max_images: 8 },
    ...more,
  };
  return modelListSchema.parse({ data: [model], defaults: {}, limits: {} }).data[0]!;
}

const form = (values: Partial<FormValues>): FormValues => ({ ...EMPTY_FORM, prompt: 'x', ...values });
const names = (presets: readonly OfferedPreset[]): string[] => presets.map(({ name }) => name);

it('a service that names no presets has the standard and the draft', () => {
  expect(names(shownPresets(served({})))).toEqual(['standard', 'draft']);
  expect(names(shownPresets(undefined))).toEqual(['standard', 'draft']);
  const own = served({ presets: [{ name: 'standard' }, { name: 'draft' }, LIGHTNING] });
  expect(names(shownPresets(own))).toEqual(['standard', 'draft', 'lightning-4']);
});

it('the standard is sent as nothing and shown as nothing, any other preset is sent by its name', () => {
  const own = { name: 'standard', title: { en: 'Usual', zh: '通常' }, num_inference_steps: 30 };
  const [standard] = shownPresets(served({ presets: [own, LIGHTNING] })).filter(({ name }) => name === 'standard');
  expect(standard).toMatchObject({ title: own.title });
  expect(standard).not.toHaveProperty('num_inference_steps');
  const sent = (name: string) => requestParameters(form({ preset: presetChoice(name) }));
  expect(sent('standard')).not.toHaveProperty('preset');
  expect(sent('draft')).toMatchObject({ preset: 'draft' });
});

it('a preset that the model does not have, or cannot use now, is not sent', () => {
  const model = served({ presets: [LIGHTNING, AWAY] });
  for (const preset of ['final', AWAY.name]) {
    expect(isLost(form({ preset }), model)).toBe(true);
    expect(presetInForce(form({ preset }), model)).toBeUndefined();
    expect(requestParameters(formInForce(form({ preset }), model))).not.toHaveProperty('preset');
  }
  expect(formInForce(form({ preset: LIGHTNING.name }), model).preset).toBe(LIGHTNING.name);
  expect(isLost(form({}), model)).toBe(false);
});

it('before a model is known, and while it is downloaded, what was chosen is kept', () => {
  const chosen = form({ preset: 'lightning-4', loras: [{ name: 'sepia', scale: 1 }] });
  expect(formInForce(chosen, undefined)).toEqual(chosen);
  expect(formInForce(chosen, served({ digest: null }))).toEqual(chosen);
  expect(formInForce(chosen, served({}))).not.toEqual(chosen);
});

it('LoRAs that the model does not offer, or cannot use now, are not sent; files and repositories are', () => {
  const model = served({ loras: [{ name: 'sepia' }, { name: 'lost', unavailable: 'Its file is gone.' }] });
  const kept = [
    { name: 'sepia', scale: 0.5 },
    { path: '/loras/a.safetensors', scale: 1 },
    { repo: 'owner/name', scale: 1 },
  ];
  const loras = [...kept, { name: 'lost', scale: 1 }, { name: 'unknown', scale: 1 }];
  expect(formInForce(form({ loras }), model).loras).toEqual(kept);
});

it('own wishes go before the preset, are named, and can be given up for it', () => {
  const mine = form({
    preset: LIGHTNING.name,
    numbers: { num_inference_steps: 20, true_cfg_scale: 1, width: 320, max_side: 512 },
    choices: { speed: 'fast', output_format: 'webp' },
  });
  expect(requestParameters(mine)).toMatchObject({ preset: LIGHTNING.name, num_inference_steps: 20, width: 320 });
  const overridden = overriddenBy(mine, LIGHTNING);
  expect(overridden).toEqual(['size', 'num_inference_steps', 'speed']);
  const given = asPresetSays(mine, overridden);
  expect(given).toMatchObject({ preset: LIGHTNING.name, choices: { output_format: 'webp' } });
  expect(given.numbers).toEqual({ true_cfg_scale: 1, max_side: 512 });
  expect(overriddenBy(given, LIGHTNING)).toEqual([]);
  expect(overriddenBy(mine, undefined)).toEqual([]);
});

it('a preset is small only beside larger results of the model', () => {
  const draft = { name: 'draft', output_area: 512 * 512 };
  expect(smallerArea(draft, {})).toBe(512 * 512);
  expect(smallerArea(draft, { output_image_size: 512 * 512 + 1 })).toBe(512 * 512);
  expect(smallerArea(draft, { output_image_size: 512 * 512 })).toBeUndefined();
  expect(smallerArea(draft, { vae_image_size: 65_536 })).toBeUndefined();
  expect(smallerArea({ name: 'standard' }, {})).toBeUndefined();
});

it('a preset has its own words, else the page’s, else its name', () => {
  const { en, zh } = dictionaries;
  const own = { ...LIGHTNING, title: { en: 'Quick', zh: '快' }, description: { en: 'In a flash.', zh: '一瞬间。' } };
  expect(presetWords(own.name, own, zh, 'zh')).toEqual({ title: '快', help: '一瞬间。' });
  expect(presetWords(LIGHTNING.name, LIGHTNING, en, 'en')).toEqual(en.presets.known['lightning-4']);
  expect(presetWords('mine', { name: 'mine' }, en, 'en')).toEqual({ title: 'mine', help: '' });
  for (const name of ['standard', 'draft', 'lightning-4', 'lightning-8']) {
    for (const { presets } of [en, zh]) expect(presets.known).toHaveProperty([name]);
  }
});

it('a LoRA is called by its title in the reader’s language, else by its name or place', () => {
  const model = served({ loras: [{ name: 'sepia', title: { en: 'Old photo', zh: '老照片' } }] });
  expect(loraTitle({ name: 'sepia' }, model, 'zh')).toBe('老照片');
  expect(loraTitle({ name: 'sepia' }, undefined, 'en')).toBe('sepia');
  expect(loraTitle({ repo: 'a/b', file: 'c' }, model, 'en')).toBe('a/b:c');
});
