import { describe, expect, it } from 'vitest';
import { LIMITS, parseEditParameters } from './edit-parameters.ts';
import { isSeed, seedSchema } from './parameter-kinds.ts';
import { GUIDE_DEFAULTS } from './parameters.ts';

it('what is left out stays out, for the checkpoint and the guide to fill in', () => {
  expect(parseEditParameters({ prompt: ' make it blue ' })).toEqual({ prompt: ' make it blue ' });
});

it('the parameters that were parsed can be parsed again', () => {
  const said = { prompt: 'x', negative_prompt: null, seed: 12, true_cfg_scale: 0, max_side: 0, width: 1, height: 4096 };
  const once = parseEditParameters(said);
  expect(once).toEqual({ ...said, seed: '12' });
  expect(parseEditParameters(once)).toEqual(once);
});

it('the defaults of the guide, and the bounds themselves, are allowed', () => {
  expect(parseEditParameters({ prompt: 'x', ...GUIDE_DEFAULTS })).toEqual({ prompt: 'x', ...GUIDE_DEFAULTS });
  const bounds = {
    prompt: 'x'.repeat(LIMITS.promptCharacters),
    num_inference_steps: LIMITS.inferenceSteps,
    true_cfg_scale: LIMITS.guidance,
    num_images_per_prompt: LIMITS.imagesPerPrompt,
    width: LIMITS.side,
    max_side: LIMITS.maxSide,
  };
  expect(parseEditParameters(bounds)).toEqual(bounds);
});

describe('a seed is a whole number that loses nothing on its way', () => {
  it.each([
    ['0', '0'],
    ['00', '0'],
    [' 7 ', '7'],
    ['007', '7'],
    [0, '0'],
    [-0, '0'],
    [-1, '-1'],
    ['-1', '-1'],
    [1e3, '1000'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['9007199254740993', '9007199254740993'],
    ['18446744073709551615', '18446744073709551615'],
  ])('%j is %s', (seed, wanted) => {
    expect(seedSchema.parse(seed)).toBe(wanted);
  });

  it.each([
    -2,
    '-2',
    '18446744073709551616',
    2 ** 53,
    1.5,
    '1.5',
    '1e3',
    '0x1',
    '+1',
    '- 1',
    '１',
    '',
    ' ',
    true,
    null,
    [],
  ])('%j is none', (seed) => {
    expect(seedSchema.safeParse(seed).success).toBe(false);
  });

  it.each(['0', '-1', ' 7 ', '18446744073709551615'])('%j is a seed, as people write it', (text) => {
    expect(isSeed(text)).toBe(true);
  });

  it.each(['', '-2', '1.5', '1e3', '18446744073709551616', '１'])('%j is no seed, as people write it', (text) => {
    expect(isSeed(text)).toBe(false);
  });
});
