import { describe, expect, it } from 'vitest';
import { capacityOf, estimateEdit } from './estimate-edit.ts';
import { knownModelShape } from './known-models.ts';

const GIB = 2 ** 30;
const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const real = { device: 'cpu', precision: 'fp32', shape, machine: { memory_bytes: 64 * GIB, threads: 2 } };
const square = { width: 1024, height: 1024 };

describe('an estimate', () => {
  it('of a draft names no other draft', () => {
    const { result, seconds, draft, warnings } = estimateEdit(real, [square], { preset: 'draft' });
    expect(result).toEqual({ width: 512, height: 512 });
    expect(seconds!.median).toBeGreaterThan(1800);
    expect(draft).toBeNull();
    expect(warnings).toEqual([
      expect.stringMatching(/^On a CPU this edit takes about \S+ hours \(a rough figure\)\.$/),
    ]);
  });

  it('where memory is short tells first what would do in this version', () => {
    const small = { ...real, machine: { memory_bytes: 2.5 * GIB, threads: 2 } };
    const { memory, warnings } = estimateEdit(small, [square], {});
    expect(memory?.verdict).toBe('too_large');
    expect(warnings[0]).toMatch(
      /^This edit needs more memory than its worker has\. What would do: a result of \d+ × \d+ or less\.$/,
    );
  });

  it('refuses sizes that the model does not make, as the edit would be', () => {
    expect(() => estimateEdit(real, [square], { width: 7 })).toThrow(
      'width must be at least 16 with this model, not 7.',
    );
  });

  it('passes over past edits whose sizes this version does not make', () => {
    const parameters = { width: 512, height: 512 };
    const past = { pictures: [square], encode_s: 1, denoise_s: 1, decode_s: 1 };
    const all = [
      { ...past, parameters },
      { ...past, parameters: { width: 7, height: 512 } },
    ];
    expect(estimateEdit(real, [square], parameters, all).seconds).toMatchObject({
      basis: 'history',
      samples: 1,
      median: 3,
    });
  });
});

describe('what a model can take', () => {
  it('is not known of a worker that does not say what it has', () => {
    expect(capacityOf({})).toEqual({ largest_output_area: null, usual_seconds: null });
    const { machine: _, ...silent } = real;
    expect(capacityOf(silent).largest_output_area).toBeNull();
    expect(capacityOf({ ...real, output_image_size: 1 })).toEqual({ largest_output_area: null, usual_seconds: null });
  });

  it('is the largest square that its memory allows', () => {
    const area = (gib: number) =>
      capacityOf({ ...real, machine: { memory_bytes: gib * GIB, threads: 2 } }).largest_output_area;
    expect(area(64)).toBe(4096 ** 2);
    expect(area(1)).toBeNull();
    expect(area(4)).toBeLessThan(4096 ** 2);
    expect(area(4)).toBeGreaterThan(1024 ** 2);
  });
});
