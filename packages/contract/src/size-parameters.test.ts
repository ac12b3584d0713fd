import { describe, expect, it } from 'vitest';
import { parseEditParameters } from './edit-parameters.ts';

const parse = (said: object) => parseEditParameters({ prompt: 'x', ...said });

describe('a size is written as people and other services write it, and kept in one way', () => {
  it.each([
    ['auto', 'auto'],
    [' AUTO ', 'auto'],
    ['1024x768', '1024x768'],
    ['1024X768', '1024x768'],
    ['1024×768', '1024x768'],
    ['1024*768', '1024x768'],
    [' 1024 x 768 ', '1024x768'],
    ['0512x0064', '512x64'],
    ['1x4096', '1x4096'],
  ])('%j is %s', (written, kept) => {
    expect(parse({ size: written }).size).toBe(kept);
    expect(parse({ size: kept }).size).toBe(kept);
  });

  it.each([
    '',
    'x',
    '512',
    '512x',
    'x512',
    '512x512x512',
    '5.5x5',
    '-1x5',
    '1e3x5',
    '512 512',
    '５x５',
    'large',
    '9999999x5',
  ])('%j is none', (size) => {
    expect(() => parse({ size })).toThrow('size must be auto, or width x height in pixels, as 1024x768.');
  });

  it.each([
    ['0x512', 'size must have sides of at least 1.'],
    ['512x4097', 'size must have sides of at most 4096.'],
    ['00x00', 'size must have sides of at least 1.'],
  ])('%s is out of range', (size, words) => {
    expect(() => parse({ size })).toThrow(words);
  });

  it.each([512, null, ['512x512'], {}])('%j is no text', (size) => {
    expect(() => parse({ size })).toThrow('size must be a text.');
  });

  it('in time that grows with its length only', () => {
    const blanks = ' '.repeat(500_000);
    expect(() => parse({ size: `1${blanks}x${blanks}` })).toThrow('size must be auto');
  });
});

describe('what says different things about the size is refused by name', () => {
  it.each([
    [{ size: '512x384', width: 640 }, 'size', 'width', 'size and width say different things.'],
    [{ size: '512x384', width: 512, height: 512 }, 'size', 'height', 'size and height say different things.'],
    [
      { output_area: 262_144, size: '512x384' },
      'output_area',
      'size',
      'output_area is for results whose sides are not given',
    ],
    [{ output_area: 262_144, width: 512 }, 'output_area', 'width', 'and width gives them; leave one out.'],
    [{ output_area: 262_144, height: 512 }, 'output_area', 'height', 'and height gives them'],
  ])('%j', (said, path, other, words) => {
    expect(() => parse(said)).toThrow(words);
    expect(() => parse(said)).toThrow(
      expect.objectContaining({
        code: 'invalid_parameter',
        errors: [expect.objectContaining({ path, code: 'conflict', parameters: { other } })],
      }),
    );
  });

  it.each([
    { size: '512x384', width: 512 },
    { size: '512x384', width: 512, height: 384 },
    { size: 'auto', width: 512 },
    { size: 'auto', output_area: 262_144 },
    { preset: 'draft', output_area: 262_144 },
    { preset: 'draft', size: '512x384', reference_size: 'model' },
  ])('%j goes together', (said) => {
    expect(parse(said)).toEqual({ prompt: 'x', ...said });
  });
});

it.each([
  [{ output_area: 1023 }, 'output_area must be at least 1024.'],
  [{ output_area: 4096 * 4096 + 1 }, 'output_area must be at most 16777216.'],
  [{ output_area: 1024.5 }, 'output_area must be a whole number'],
  [{ reference_size: 'area' }, 'reference_size must be one of: model, output.'],
  [{ preset: 'Final!' }, 'preset must be lower case letters'],
])('%j is refused', (said, words) => {
  expect(() => parse(said)).toThrow(words);
});
