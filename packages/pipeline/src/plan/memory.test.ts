import { describe, expect, it } from 'vitest';
import { largestSide, planWithAlternatives } from './alternatives.ts';
import { knownModelShape } from './known-models.ts';
import { type MemoryOptions, planMemory } from './memory.ts';
import { draftParameters, plannedEdit } from './planned-edit.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = (side: number) => ({ width: side, height: side });
const edit = plannedEdit({}, [square(1024)], {});
const drafted = plannedEdit({}, [square(1024)], draftParameters({}));
const GIB = 2 ** 30;
const on = (gib: number | undefined, other: Partial<MemoryOptions> = {}): MemoryOptions => ({
  device: 'cpu',
  precision: 'fp32',
  memoryBytes: gib === undefined ? undefined : gib * GIB,
  ...other,
});
const stageOf = (name: string, options = on(64), asked = edit) =>
  planMemory(shape, asked, options).stages.find(({ stage }) => stage === name)!;

describe('what the stages need', () => {
  it('weights as the checkpoint stores them, stage by stage', () => {
    expect(stageOf('denoise').weights_bytes).toBe(2 * 20_430_401_088);
    expect(stageOf('encode_text').weights_bytes).toBe(2 * (6_525_621_760 + 676_550_144));
    // The VAE's kernels are kept in another form, all the time.
    expect(stageOf('decode').weights_bytes).toBe(0);
    expect(stageOf('decode').resident_bytes).toBe(stageOf('load').resident_bytes);
  });

  it.each([
    ['bf16', 2],
    ['w8', 1],
    ['w4', 0.515_625],
  ] as const)('in %s: %f bytes a weight', (precision, bytes) => {
    const options = on(64, { device: 'cuda', precision });
    expect(stageOf('denoise', options).weights_bytes).toBe(Math.ceil(bytes * 20_430_401_088));
  });

  it('14 arrays over all tokens for the transformer, so that pictures and sizes count', () => {
    const more = plannedEdit({}, [square(1024), square(1024)], {});
    const tokens = 4096 + 196 + 7;
    expect(stageOf('denoise', on(64), more).activations_bytes - stageOf('denoise').activations_bytes).toBe(
      14 * tokens * 3072 * 4,
    );
  });

  it('the largest maps of the VAE up to 1024², and no more than those of a tile above', () => {
    const activations = (side: number): number =>
      stageOf('decode', on(64), { ...edit, size: square(side) }).activations_bytes - 2 * 3 * side * side * 4;
    expect(activations(1024) - activations(512)).toBe((192 + 96) * 4 * (1024 ** 2 - 512 ** 2));
    expect(activations(4096)).toBe(activations(256));
  });

  it('together more than any, the sums right', () => {
    const plan = planMemory(shape, edit, on(64));
    for (const each of plan.stages)
      expect(each.total_bytes).toBe(each.weights_bytes + each.resident_bytes + each.activations_bytes);
    expect(plan.peak_bytes).toBe(Math.max(...plan.stages.map(({ total_bytes }) => total_bytes)));
    expect(plan.least_bytes).toBeLessThan(3 * GIB);
    expect(plan.disk_bytes_a_step).toBe(2 * 2 * 20_430_401_088);
  });
});

describe('whether it fits', () => {
  it.each([
    [64, 'fits'],
    [41, 'fits'],
    [24, 'streams'],
    [4, 'streams'],
    [2, 'too_large'],
    [undefined, 'unknown'],
  ] as const)('into %s GiB: %s', (gib, verdict) => {
    expect(planMemory(shape, edit, on(gib)).verdict).toBe(verdict);
  });

  it('on a GPU weights cannot be read from disk: what does not stay in memory is too large', () => {
    const gpu = { device: 'cuda', precision: 'bf16' } as const;
    expect(planMemory(shape, edit, on(24, gpu)).verdict).toBe('too_large');
    expect(planMemory(shape, edit, on(48, gpu)).verdict).toBe('fits');
  });

  it('only the transformer has to stay: the text encoder is read once', () => {
    const long = { ...edit, promptTokens: 4000 };
    expect(planMemory(shape, long, on(42)).verdict).toBe('fits');
  });
});

describe('what would do', () => {
  const kinds = (options: MemoryOptions, asked = edit) =>
    planWithAlternatives(shape, asked, drafted, options).alternatives.map(
      ({ kind, available }) => `${kind} ${available}`,
    );

  it('nothing is named where all is well, or nothing is known', () => {
    expect(kinds(on(64))).toEqual([]);
    expect(kinds(on(undefined))).toEqual([]);
  });

  it('where weights stream: other precisions, which this version does not have, and the disk', () => {
    const { alternatives } = planWithAlternatives(shape, edit, drafted, on(24));
    expect(alternatives.map(({ kind }) => kind)).toEqual(['precision', 'precision', 'precision', 'disk']);
    expect(alternatives.filter(({ available }) => available).map(({ text }) => text)).toEqual([
      'as it is, from disk: each step reads 81.7 GB, 82 s at 1 GB/s',
    ]);
    for (const { text } of alternatives.slice(0, 3)) expect(text).toMatch(/^precision w\w+ \(not in this version\)$/);
  });

  it('where nothing fits: a smaller size, the draft, fewer pictures', () => {
    const pictures = [1, 2, 3, 4, 5, 6, 7, 8].map(() => square(1024));
    const asked = { width: 2048, height: 1024 };
    const many = plannedEdit({}, pictures, asked);
    const less = plannedEdit({}, pictures, draftParameters(asked));
    const tight = { ...on(4), memoryBytes: planMemory(shape, many, on(4)).least_bytes - 1e8 };
    const { alternatives } = planWithAlternatives(shape, many, less, tight);
    const [size, draft, references] = alternatives;
    expect(size?.text).toMatch(/^a result of \d+ × \d+ or less$/);
    expect(draft?.text).toBe('the preset draft: 512 × 512, and references of that size');
    expect(references?.text).toMatch(/^[1-7] pictures? or fewer$/);
    const [, width, height] = /(\d+) × (\d+)/.exec(size?.text ?? '') ?? [];
    const smaller = { ...many, size: { width: Number(width), height: Number(height) } };
    expect(planMemory(shape, smaller, tight).verdict).toBe('streams');
  });

  it('the largest side is the last that works', () => {
    const options = { ...on(4), mostSide: 4096 };
    const side = largestSide(shape, edit, options)!;
    const verdict = (asked: number) => planMemory(shape, { ...edit, size: square(asked) }, options).verdict;
    expect([verdict(side), verdict(side + 32)]).toEqual(['streams', 'too_large']);
    expect(largestSide(shape, edit, { ...options, memoryBytes: GIB })).toBeUndefined();
    expect(largestSide(shape, edit, { ...options, memoryBytes: 100 * GIB })).toBe(4096);
  });
});
