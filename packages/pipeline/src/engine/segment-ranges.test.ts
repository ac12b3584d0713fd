import { describe, expect, it } from 'vitest';
import type { TensorInfo } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weights.ts';
import { segmentRanges } from './segment-chain.ts';

const MIB = 1024 * 1024;

/** Headers of weights of so many MiB, by name. */
function weightsOf(sizes: Record<string, number>): Weights {
  const infos = Object.entries(sizes).map(
    ([name, mib]): TensorInfo => ({ name, dtype: 'F32', shape: [], path: '', offset: 0, byteLength: mib * MIB }),
  );
  const tensors = new Map(infos.map((info) => [info.name, info]));
  const unused = (): never => {
    throw new RangeError('headers only');
  };
  return { component: 'x', tensors, has: (name) => tensors.has(name), get: unused, read: unused };
}

const blocks = (...mib: number[]): Weights =>
  weightsOf(Object.fromEntries(mib.map((size, i) => [`blocks.${i}.w`, size])));

describe('blocks are put together up to 512 MiB', () => {
  it.each<[string, number[], [number, number][]]>([
    ['small ones all together', [1, 1, 1, 1], [[0, 4]]],
    [
      'up to the limit, not above',
      [256, 256, 256],
      [
        [0, 2],
        [2, 3],
      ],
    ],
    [
      'one byte above',
      [256, 257, 256],
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    ],
    [
      'a large one alone',
      [10, 600, 10],
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    ],
    [
      'all large',
      [600, 700],
      [
        [0, 1],
        [1, 2],
      ],
    ],
    [
      'counting anew after each',
      [300, 300, 100, 100],
      [
        [0, 1],
        [1, 4],
      ],
    ],
    ['a single one', [5], [[0, 1]]],
  ])('%s', (_, sizes, wanted) => {
    expect(segmentRanges(blocks(...sizes), 'blocks.', sizes.length)).toEqual(wanted);
  });

  it('every block is in exactly one range, in order', () => {
    const sizes = Array.from({ length: 60 }, (_, i) => 50 + ((i * 37) % 300));
    const ranges = segmentRanges(blocks(...sizes), 'blocks.', 60);
    expect(ranges.flatMap(([first, last]) => Array.from({ length: last - first }, (_, i) => first + i))).toEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
    for (const [first, last] of ranges) {
      const sum = sizes.slice(first, last).reduce((a, b) => a + b, 0);
      expect(sum <= 512 || last === first + 1).toBe(true);
    }
  });
});

it('the tensors of a block count together, those of others and block 10 not for block 1', () => {
  const weights = weightsOf({
    'blocks.0.a': 200,
    'blocks.0.b': 200,
    'blocks.1.a': 100,
    'blocks.10.a': 500,
    'others.0.a': 500,
    norm: 500,
  });
  expect(segmentRanges(weights, 'blocks.', 2)).toEqual([[0, 2]]);
});
