import { GUIDE_DEFAULTS, parseEditParameters, requireEditSizes, type Size } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { type EditConfig, resolveEditConfig } from './hub/edit-config.ts';
import { resolveParameters, scheduleChanges, usesGuidance, warningsOf } from './resolve-parameters.ts';

const guide = resolveEditConfig({});
const trained = resolveEditConfig({ num_inference_steps: 6, true_cfg_scale: 1, vae_image_size: 65_536 });
const parse = (more: object = {}) => parseEditParameters({ prompt: 'x', ...more });

describe('the request comes before edit_config.json, and edit_config.json before the guide', () => {
  it('a request without parameters has those of the guide', () => {
    const { size: _size, reference_size: _reference, ...defaults } = GUIDE_DEFAULTS;
    expect(resolveParameters(parse(), guide)).toEqual({ prompt: 'x', ...defaults });
    expect(GUIDE_DEFAULTS).toMatchObject({
      negative_prompt: ' ',
      num_inference_steps: 40,
      true_cfg_scale: 4,
      max_side: 768,
    });
  });

  it('or those that the checkpoint recommends', () => {
    expect(resolveParameters(parse(), trained)).toMatchObject({
      num_inference_steps: 6,
      true_cfg_scale: 1,
      max_side: 768,
    });
  });

  it('unless the request has others', () => {
    const said = {
      negative_prompt: 'blur',
      num_inference_steps: 9,
      true_cfg_scale: 2,
      guidance_scale: 3,
      seed: '7',
      num_images_per_prompt: 2,
      max_side: 0,
      speed: 'fast',
      output_format: 'webp',
    } as const;
    expect(resolveParameters(parse(said), trained)).toEqual({ prompt: 'x', ...said });
  });

  it('a request can ask for no negative prompt', () => {
    expect(resolveParameters(parse({ negative_prompt: null }), guide).negative_prompt).toBeNull();
    expect(resolveParameters(parse({ negative_prompt: '' }), guide).negative_prompt).toBe('');
  });
});

describe('a preset says what the request does not', () => {
  const schedule = { base_shift: 1, max_shift: 1, shift_terminal: null };
  const quick = { name: 'quick', num_inference_steps: 4, true_cfg_scale: 1, speed: 'balanced', schedule };
  const config = resolveEditConfig({ num_inference_steps: 30, presets: [{ ...quick, lora: 'own@0.5' }] });

  it('before the checkpoint, and after the request', () => {
    const { num_inference_steps, true_cfg_scale, speed } = resolveParameters(parse({ preset: 'quick' }), config);
    expect({ num_inference_steps, true_cfg_scale, speed }).toEqual({
      num_inference_steps: 4,
      true_cfg_scale: 1,
      speed: 'balanced',
    });
    const said = { preset: 'quick', num_inference_steps: 6, speed: 'exact' };
    expect(resolveParameters(parse(said), config)).toMatchObject({ ...said, true_cfg_scale: 1 });
  });

  it('and its parameters make the same edit again: they have its name, and of LoRAs only those of the request', () => {
    const said = parse({ preset: 'quick', lora: [{ path: 'own.safetensors', scale: 0.3 }] });
    const resolved = resolveParameters(said, config);
    expect(resolved).toMatchObject({ preset: 'quick', lora: [{ path: 'own.safetensors', scale: 0.3 }] });
    expect(resolveParameters(parseEditParameters(resolved), config)).toEqual(resolved);
    expect(resolveParameters(parse(), config)).not.toHaveProperty('preset');
  });

  it('and its schedule', () => {
    expect(scheduleChanges({ preset: 'quick' }, config)).toEqual(schedule);
    expect(scheduleChanges({ preset: 'draft' }, config)).toEqual({});
    expect(scheduleChanges({}, config)).toEqual({});
  });

  it('one that the model does not have is refused with those that it has', () => {
    expect(() => resolveParameters(parse({ preset: 'lightning-4' }), config)).toThrow(
      'preset must be one of standard, draft, quick with this model',
    );
  });
});

describe('a seed of -1', () => {
  it('is replaced by a drawn seed of 32 bits', () => {
    const drawn = Array.from({ length: 20 }, () => resolveParameters(parse({ seed: '-1' }), guide).seed);
    expect(new Set(drawn).size).toBeGreaterThan(15);
    for (const seed of drawn) expect(BigInt(seed)).toBeLessThan(2n ** 32n);
  });

  it('is replaced by the seed of the snapshot from which the edit continues', () => {
    expect(resolveParameters(parse({ seed: '-1' }), guide, '99').seed).toBe('99');
    expect(resolveParameters(parse({ seed: '5' }), guide, '99').seed).toBe('5');
  });
});

describe('the size of the output', () => {
  const outputSize = (said: object, config: EditConfig, last: Size, size_multiple: number): Size =>
    requireEditSizes(parse(said), [last], { ...config, size_multiple }).result;
  const picture = { width: 320, height: 214 };

  it.each<[string, object, number, [number, number]]>([
    ['by default the ratio of the last picture at the output area', {}, 16, [320, 224]],
    ['both sides floored', { width: 100, height: 79 }, 16, [96, 64]],
    ['to multiples of the model', { width: 100, height: 79 }, 8, [96, 72]],
    ['a width alone: the height follows the picture', { width: 64 }, 16, [64, 48]],
    ['a height alone: the width follows the picture', { height: 500 }, 16, [736, 496]],
  ])('%s', (_, said, multiple, [width, height]) => {
    expect(outputSize(said, trained, picture, multiple)).toEqual({ width, height });
  });

  it('a side below the multiple is refused by name', () => {
    expect(() => outputSize({ height: 15 }, trained, picture, 16)).toThrow(
      'height must be at least 16 with this model, not 15.',
    );
  });

  it('output_image_size is an area of its own', () => {
    const config = resolveEditConfig({ vae_image_size: 65_536, output_image_size: 16_384 });
    expect(outputSize({}, config, { width: 50, height: 50 }, 16)).toEqual({ width: 128, height: 128 });
  });
});

describe('a warning names what has no effect', () => {
  const warnings = (more: object, config = guide): readonly string[] => {
    const said = parse(more);
    return warningsOf(said, resolveParameters(said, config), config);
  };

  it.each<[string, object, string]>([
    ['guidance_scale', { guidance_scale: 3 }, 'guidance_scale has no effect'],
    ['guidance without a negative prompt', { negative_prompt: null }, 'true_cfg_scale has no effect'],
    [
      'a negative prompt without guidance',
      { negative_prompt: 'blur', true_cfg_scale: 1 },
      'negative_prompt has no effect',
    ],
  ])('%s', (_, said, words) => {
    expect(warnings(said)).toEqual([expect.stringContaining(words)]);
  });

  it('an unknown key of edit_config.json', () => {
    expect(warnings({}, resolveEditConfig({ stepz: 4 }))).toEqual([expect.stringContaining('stepz')]);
  });

  it.each([
    {},
    { guidance_scale: 1 },
    { negative_prompt: 'blur' },
    { negative_prompt: null, true_cfg_scale: 1 },
    { negative_prompt: ' ', true_cfg_scale: 0 },
  ])('nothing is said of %j', (said) => {
    expect(warnings(said)).toEqual([]);
  });
});

it('the negative prompt acts above a scale of 1, if there is one', () => {
  expect(usesGuidance({ true_cfg_scale: 1.01, negative_prompt: '' })).toBe(true);
  expect(usesGuidance({ true_cfg_scale: 1, negative_prompt: 'x' })).toBe(false);
  expect(usesGuidance({ true_cfg_scale: 4, negative_prompt: null })).toBe(false);
});
