import { describe, expect, it } from 'vitest';
import { addRanges, type LayerRanges, outliersFor, rangesOf } from './layer-ranges.ts';

const channels = (large: number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, i) => (i % 8 === 3 && i < 8 * large ? 100 : 2));

describe('how many channels are kept in fp32', () => {
  it.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
    [20, 32],
  ])('of %i large ones', (large, wanted) => {
    const tokens = new Float32Array(64).fill(large === 0 ? 2 : 100);
    expect(outliersFor(rangesOf(channels(large), tokens))).toBe(wanted);
  });

  it('counts tokens by their noise: one that is massive outweighs many that are not', () => {
    const tokens = new Float32Array(64).fill(2);
    expect(outliersFor(rangesOf(channels(1), tokens))).toBe(0);
    tokens[7] = 100;
    expect(outliersFor(rangesOf(channels(1), tokens))).toBe(4);
  });

  it('a layer without any values keeps none', () => {
    expect(outliersFor(rangesOf(new Float32Array(64), new Float32Array(3)))).toBe(0);
  });
});

it('the ranges of several calls are added', () => {
  const known = new Map<string, LayerRanges>();
  const call = (value: number) => ({
    'largest by channel of a': { data: Float32Array.of(value, 1), dims: [2] },
    'largest by token of a': { data: Float32Array.of(value), dims: [1] },
    hidden_states: { data: Float32Array.of(9), dims: [1] },
  });
  addRanges(known, call(3));
  addRanges(known, call(5));
  expect([...known]).toEqual([['a', { largest: 5, typical: 1, noise: [34, 0, 0, 0, 0] }]]);
});
