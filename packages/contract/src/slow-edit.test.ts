import { describe, expect, it } from 'vitest';
import { aboutSeconds, slowEditWarning } from './slow-edit.ts';

it.each([
  [0.2, 'about 1 second'],
  [89, 'about 89 seconds'],
  [12 * 60 + 20, 'about 12 minutes'],
  [89 * 60, 'about 89 minutes'],
  [2.4 * 3600, 'about 2.4 hours'],
  [3 * 3600, 'about 3 hours'],
  [18.6 * 3600, 'about 19 hours'],
  [80 * 3600, 'about 3 days'],
])('%d s are %s', (seconds, words) => {
  expect(aboutSeconds(seconds)).toBe(words);
});

const seconds = (median: number, basis: 'history' | 'arithmetic' = 'arithmetic') => ({
  ...{ low: median, median, high: median, samples: 0 },
  basis,
});
const draft = (median: number) => ({ result: { width: 512, height: 512 }, seconds: seconds(median) });

describe('the word about an edit that takes hours on a CPU', () => {
  it('names its time, where that comes from, and the draft', () => {
    expect(slowEditWarning({ device: 'cpu', seconds: seconds(2.4 * 3600), draft: draft(720) })).toBe(
      'On a CPU this edit takes about 2.4 hours (a rough figure); the preset draft takes about 12 minutes.',
    );
    expect(slowEditWarning({ device: 'cpu', seconds: seconds(3600, 'history'), draft: null })).toBe(
      'On a CPU this edit takes about 60 minutes (by earlier edits).',
    );
  });

  it('is not said of half an hour, of a GPU, or where nothing is known', () => {
    expect(slowEditWarning({ device: 'cpu', seconds: seconds(1800), draft: null })).toBeUndefined();
    expect(slowEditWarning({ device: 'cuda', seconds: seconds(9e9), draft: null })).toBeUndefined();
    expect(slowEditWarning({ device: 'cpu', seconds: null, draft: null })).toBeUndefined();
  });
});
