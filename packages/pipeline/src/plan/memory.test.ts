import { type PrecisionName, precisionFacts } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { largestSide, planWithAlternatives } from './alternatives.ts';
import type { MemoryOptions } from './edit-needs.ts';
import { knownModelShape } from './known-models.ts';
import { planMemory } from './memory.ts';
import { draftParameters, plannedEdit } from './planned-edit.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = (side: number) => ({ width: side, height: side });
const edit = plannedEdit({}, [square(1024)], {});
const drafted = plannedEdit({}, [square(1024)], draftParameters({}));
const GIB = 2 ** 30;
/** Weights of the repeated layers. */
const BLOCKS = 60 * 24 * 3072 ** 2;
const LANGUAGE = 28 * (2 * 3584 ** 2 + 2 * 3584 * 512 + 3 * 3584 * 18_944);
const on = (gib: number | undefined, other: Partial<MemoryOptions> = {}): MemoryOptions => ({
  device: 'cpu',
  precision: 'fp32',
  memoryBytes: gib === undefined ? undefined : gib * GIB,
  ...other,
});
const stageOf = (name: string, options = on(64), asked = edit) =>
  planMemory(shape, asked, options).stages.find(({ stage }) => stage === name)!;

describe('what the stages need', () => {
  it('all weights that are in memory in a pass, as the checkpoint stores them, but no modulations', () => {
    const { modulation, weights } = shape.transformer;
    const encoder = 2 * (6_525_621_760 + 676_550_144);
    const passes = stageOf('denoise', on(1)).streamed_bytes;
    // Nor what the timesteps go through: 3 D² + 256 D.
    expect(passes / (weights.bytes - modulation.bytes - 2 * (3 * 3072 + 256) * 3072)).toBeCloseTo(1, 4);
    expect(stageOf('encode_text', on(1)).streamed_bytes / encoder).toBeCloseTo(1, 6);
    expect(stageOf('denoise').held_bytes).toBe(Math.ceil(passes + encoder));
    expect(stageOf('modulate').streamed_bytes / modulation.bytes).toBeCloseTo(1, 2);
  });

  it.each(['w8', 'w4'] as const)(
    'in %s: as many bytes a weight of the repeated layers as the table says, and what lies beside those of blocks',
    (precision) => {
      const heldIn = (name: PrecisionName) => stageOf('encode_text', on(64, { precision: name })).held_bytes;
      const { bytesPerWeight } = precisionFacts(precision);
      const saved = (2 - Number(bytesPerWeight)) * (LANGUAGE + BLOCKS);
      expect(heldIn('fp32') - heldIn(precision)).toBeCloseTo(saved - 0.055 * Number(bytesPerWeight) * BLOCKS, -2);
    },
  );

  it('prepared weights take twice as much on disk in the blocks, which are also laid out for the processor', () => {
    expect(planMemory(shape, edit, on(64, { precision: 'w8a8' })).prepared_bytes).toBe(2 * BLOCKS + LANGUAGE);
    // In blocks of weights the layers of the language model too.
    const { bytesPerWeight } = precisionFacts('w4');
    expect(planMemory(shape, edit, on(64, { precision: 'w4' })).prepared_bytes).toBe(
      Math.ceil(2 * Number(bytesPerWeight) * (BLOCKS + LANGUAGE)),
    );
    expect(planMemory(shape, edit, on(64)).prepared_bytes).toBe(0);
  });

  it('modulations of all steps, 12 rows a block and a step, and one for the references', () => {
    const steps = (count: number) => stageOf('denoise', on(64), { ...edit, steps: count }).activations_bytes;
    expect(steps(41) - steps(40)).toBe(12 * 60 * 3072 * 4);
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
      expect(each.total_bytes - each.resident_bytes - each.activations_bytes).toBeCloseTo(
        each.held_bytes + each.segment_bytes,
        -1,
      );
    expect(plan.peak_bytes).toBe(Math.max(...plan.stages.map(({ total_bytes }) => total_bytes)));
    expect(plan.least_bytes).toBeLessThan(3.5 * GIB);
    expect(plan.disk_bytes_a_step).toBe(0);
  });
});

describe('whether it fits', () => {
  it.each([
    [64, 'fits'],
    [32, 'fits'],
    [24, 'streams'],
    [4, 'streams'],
    [2, 'too_large'],
    [undefined, 'unknown'],
  ] as const)('into %s GiB: %s', (gib, verdict) => {
    expect(planMemory(shape, edit, on(gib)).verdict).toBe(verdict);
  });

  it('only the transformer has to stay: the text encoder is read once', () => {
    const long = { ...edit, promptTokens: 4000 };
    expect(planMemory(shape, long, on(36)).verdict).toBe('fits');
  });
});

describe('what is held', () => {
  const heldIn = (gib: number, other: Partial<MemoryOptions> = {}, asked = edit) => {
    const { vision, language, transformer } = planMemory(shape, asked, on(gib, other)).residency;
    const word = ({ segments, held, stays, prepacked }: typeof vision): string =>
      [
        held === segments ? 'all' : held > 0 ? 'some' : 'none',
        ...(stays ? ['stays'] : []),
        ...(prepacked ? ['prepacked'] : []),
      ].join(' ');
    return [vision, language, transformer].map(word);
  };

  it('all networks if there is room; else the transformer between edits, then as much of it as there is room for', () => {
    expect(heldIn(64)).toEqual(['all stays', 'all stays', 'all stays']);
    expect(heldIn(36)).toEqual(['none', 'none', 'all stays']);
    expect(heldIn(24)).toEqual(['none', 'none', 'some stays']);
    expect(heldIn(2)).toEqual(['none', 'none', 'none']);
  });

  it('what the plan says never takes more than there is, and more memory never holds less', () => {
    let before = 0;
    for (let gib = 4; gib <= 64; gib += 3) {
      const plan = planMemory(shape, edit, on(gib));
      expect(plan.peak_bytes).toBeLessThan(gib * GIB);
      expect(plan.residency.transformer.held).toBeGreaterThanOrEqual(before);
      before = plan.residency.transformer.held;
    }
  });

  it('laid out for the processor are only blocks that are held, and not for a few runs', () => {
    const w8a8 = { precision: 'w8a8' } as const;
    expect(heldIn(64, w8a8)).toEqual(['all stays', 'all stays', 'all stays prepacked']);
    expect(heldIn(12, w8a8)[2]).toBe('some stays prepacked');
    expect(heldIn(2, w8a8)[2]).toBe('none');
  });

  it('with the memory that it names, the transformer stays over the steps, and with less it streams', () => {
    const { fits_bytes } = planMemory(shape, edit, on(24));
    const verdict = (memoryBytes: number) => planMemory(shape, edit, { ...on(24), memoryBytes }).verdict;
    expect([verdict(fits_bytes + 1), verdict(fits_bytes - 1e6)]).toEqual(['fits', 'streams']);
  });

  it('a step reads what is not held, once for both prompts', () => {
    const plan = planMemory(shape, edit, on(24));
    const { held_bytes, streamed_bytes } = plan.stages.find(({ stage }) => stage === 'denoise')!;
    expect(plan.disk_bytes_a_step).toBe(streamed_bytes);
    expect((held_bytes + streamed_bytes) / 1e9).toBeCloseTo(27.2, 1);
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

  it('where weights stream: other precisions, and the disk', () => {
    const { alternatives } = planWithAlternatives(shape, edit, drafted, on(24));
    expect(alternatives.map(({ text }) => text)).toEqual([
      'precision w8a8',
      'precision w8',
      'precision w4',
      expect.stringMatching(/^as it is, from disk: each step reads \d\.\d GB, \d+ s at 1 GB\/s$/),
    ]);
  });

  it('where nothing fits: a smaller size, the draft, fewer pictures', () => {
    const pictures = [1, 2, 3, 4, 5, 6, 7, 8].map(() => square(1024));
    const asked = { width: 2048, height: 1024 };
    const many = plannedEdit({}, pictures, asked);
    const less = plannedEdit({}, pictures, draftParameters(asked));
    const tight = { ...on(4), memoryBytes: planMemory(shape, many, on(4)).least_bytes - 1e8 };
    const { alternatives } = planWithAlternatives(shape, many, less, tight);
    const [size, draft, references] = alternatives;
    expect(alternatives.length).toBeGreaterThan(2);
    expect(size?.text).toMatch(/^a result of \d+ × \d+ or less$/);
    expect(draft?.text).toBe('the preset draft: 512 × 512, and references of that size');
    expect(references?.text).toMatch(/^[1-7] pictures? or fewer$/);
    const [, width, height] = /(\d+) × (\d+)/.exec(size?.text ?? '') ?? [];
    const smaller = { ...many, size: { width: Number(width), height: Number(height) } };
    expect(planMemory(shape, smaller, tight).verdict).toBe('streams');
  });

  it('the largest side is the last that works', () => {
    const options = { ...on(3), mostSide: 4096 };
    const side = largestSide(shape, edit, options)!;
    const verdict = (asked: number) => planMemory(shape, { ...edit, size: square(asked) }, options).verdict;
    expect([verdict(side), verdict(side + 32)]).toEqual(['streams', 'too_large']);
    expect(largestSide(shape, edit, { ...options, memoryBytes: GIB })).toBeUndefined();
    expect(largestSide(shape, edit, { ...options, memoryBytes: 100 * GIB })).toBe(4096);
  });
});
