import { describe, expect, it } from 'vitest';
import { editSeconds, type FinishedEdit } from './edit-seconds.ts';
import { editFlops } from './flops.ts';
import { knownModelShape } from './known-models.ts';
import { plannedEdit } from './planned-edit.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = (side: number) => ({ width: side, height: side });
const edit = plannedEdit({}, [square(1024)], {});

describe('without any edit that was made', () => {
  it('operations by the speed of a usual thread, with a wide range', () => {
    const seconds = editSeconds(shape, edit, { finished: [], threads: 4 });
    expect(seconds).toMatchObject({ basis: 'arithmetic', samples: 0 });
    expect(seconds.median).toBeCloseTo(editFlops(shape, edit).total / (4 * 100e9), 6);
    expect(seconds.low).toBeLessThan(seconds.median / 1.5);
    expect(seconds.high).toBeGreaterThan(2 * seconds.median);
  });

  it('a hundred threads are not a hundred times as fast', () => {
    const at = (threads: number) => editSeconds(shape, edit, { finished: [], threads }).median;
    expect(at(100)).toBe(at(32));
    expect(at(0)).toBe(at(1));
  });
});

describe('from edits that were made', () => {
  const made = (denoise_s: number, other = {}): FinishedEdit => ({
    edit: { ...edit, ...other },
    encode_s: 10,
    denoise_s,
    decode_s: 5,
  });
  const from = (...finished: FinishedEdit[]) => editSeconds(shape, edit, { finished, threads: 1 });

  it('one alike takes as long', () => {
    expect(from(made(100))).toEqual({ low: 115, median: 115, high: 115, basis: 'history', samples: 1 });
  });

  it('each stage is scaled by its own operations', () => {
    expect(from(made(100, { steps: 10 })).median).toBeCloseTo(415, 6);
    const smaller = { size: square(512) };
    const were = editFlops(shape, { ...edit, ...smaller });
    const are = editFlops(shape, edit);
    expect(from(made(100, smaller)).median).toBeCloseTo(
      10 + (100 * are.denoise) / were.denoise + (5 * are.vae_decode) / were.vae_decode,
      6,
    );
  });

  it('the median holds against one that took far longer, and the spread is told', () => {
    const seconds = from(...[90, 95, 100, 105, 5000].map((each) => made(each)));
    expect(seconds).toMatchObject({ median: 115, samples: 5 });
    expect(seconds.low).toBeCloseTo(15 + 92, 6);
    expect(seconds.high).toBeGreaterThan(2000);
  });

  it('one without times counts for nothing', () => {
    expect(from({ ...made(0), encode_s: 0, decode_s: 0 }).basis).toBe('arithmetic');
    expect(from({ ...made(Number.NaN) }).basis).toBe('arithmetic');
  });
});
