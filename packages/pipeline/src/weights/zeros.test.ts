import { describe, expect, it } from 'vitest';
import type { TensorInfo } from './safetensors.ts';
import { damagedBy } from './zeros.ts';

/** bf16 tensors one behind the other, from byte 1000 on. */
function layout(...shapes: readonly (readonly [name: string, ...shape: number[]])[]): TensorInfo[] {
  let offset = 1000;
  return shapes.map(([name, ...shape]) => {
    const byteLength = shape.reduce((product, side) => product * side, 2);
    const tensor: TensorInfo = { name, dtype: 'BF16', shape, path: '/x', offset, byteLength };
    offset += byteLength;
    return tensor;
  });
}

/** Row 2048 bytes. */
const LAYERS = layout(
  ['a.to_q.bias', 1024],
  ['a.to_q.weight', 1024, 1024],
  ['b.to_k.weight', 1024, 1024],
  ['c.to_v.weight', 1024, 1024],
);
const END = 1000 + 2048 + 3 * 2048 * 1024;
const WORDS = layout(['model.embed_tokens.weight', 4096, 1024], ['model.norm.weight', 1024]);
const WORDS_END = 1000 + 2048 * 4096;

describe('zeros that a broken download leaves are damage', () => {
  it.each<[string, TensorInfo[], number, number, string]>([
    ['the second half of a file', LAYERS, END / 2, END, 'b.to_k.weight'],
    ['from the middle of a row of the last tensor', LAYERS, END - 5001, END, 'c.to_v.weight'],
    ['a hole in the middle of one tensor', LAYERS, 100_001, 200_001, 'a.to_q.weight'],
    ['a hole over an end of two tensors', LAYERS, 2048 * 1024, 2048 * 1024 + 8192, 'a.to_q.weight'],
    ['three layers, from end to end', LAYERS, 3048, END, 'a.to_q.weight'],
    ['all of a layer that cannot be zero', LAYERS, 3048, 3048 + 2048 * 1024, 'a.to_q.weight'],
    ['words from the middle of one on', WORDS, 500_000, WORDS_END, 'model.embed_tokens.weight'],
  ])('%s', (_, tensors, begin, end, named) => {
    expect(damagedBy({ begin, end }, tensors)?.name).toBe(named);
  });
});

describe('zeros that a model may rightly have are no damage', () => {
  it.each<[string, TensorInfo[], number, number]>([
    ['less than a page', LAYERS, 100_001, 104_000],
    ['a bias', layout(['a.bias', 8192], ['a.weight', 64, 64]), 1000, 1000 + 16_384],
    ['a norm', layout(['norm.weight', 8192]), 1000, 1000 + 16_384],
    ['words that no text has', WORDS, 1000 + 2048 * 3000, WORDS_END],
    ['words that no text has, with zeros by chance before them', WORDS, 1000 + 2048 * 3000 - 10, WORDS_END],
    ['pruned rows', LAYERS, 3048 + 20 * 2048, 3048 + 40 * 2048],
    ['modulation that was never trained', layout(['x.img_mod.1.bias', 64], ['x.img_mod.1.weight', 64, 64]), 1000, 9320],
    ['a sparse kernel', layout(['conv1.weight', 32, 32, 3, 3, 3]), 1300, 20_000],
    ['no tensor at all', LAYERS, 0, 900],
  ])('%s', (_, tensors, begin, end) => {
    expect(damagedBy({ begin, end }, tensors)).toBeUndefined();
  });
});
