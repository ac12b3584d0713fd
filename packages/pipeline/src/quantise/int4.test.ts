import { describe, expect, it } from 'vitest';
import { randn } from '../sampling/noise.ts';
import type { InputMoments } from './input-moments.ts';
import { quantiseInt4 } from './int4.ts';
import { quantiseInt8Blocks } from './int8-blocks.ts';
import { measureInputs } from './measure-inputs.ts';

/** The weight [n, k] that 4-bit codes in blocks of 16 stand for. */
function widened(weight: Float32Array, n: number, k: number, inputs?: InputMoments): Float32Array {
  const { data, scales, zeroPoints } = quantiseInt4(weight, n, k, { blockSize: 16, inputs });
  const blocks = Math.ceil(k / 16);
  const zeroRow = 2 * Math.ceil(blocks / 2);
  return Float32Array.from({ length: n * k }, (_, i) => {
    const row = Math.floor(i / k);
    const at = row * blocks + Math.floor((i % k) / 16);
    const zero = nibble(zeroPoints!, row * zeroRow + Math.floor((i % k) / 16));
    return (nibble(data, at * 16 + ((i % k) % 16)) - zero) * scales[at]!;
  });
}
const nibble = (bytes: Uint8Array, i: number): number => (bytes[i >> 1]! >> (4 * (i & 1))) & 15;

/** Root mean square error of x · weightᵀ for inputs x [rows, k], relative to the product. */
function outputError(x: Float32Array, weight: Float32Array, rounded: Float32Array, k: number): number {
  let wrong = 0;
  let right = 0;
  for (let token = 0; token < x.length; token += k) {
    for (let row = 0; row < weight.length; row += k) {
      let product = 0;
      let error = 0;
      for (let i = 0; i < k; i++) {
        product += x[token + i]! * weight[row + i]!;
        error += x[token + i]! * (rounded[row + i]! - weight[row + i]!);
      }
      wrong += error * error;
      right += product * product;
    }
  }
  return Math.sqrt(wrong / right);
}

describe('4 bits', () => {
  it('lie in pairs, the first code in the low half, and so do the zero points of a row', () => {
    // The codes 0 to 15 with scale 0.5: zero at 4 in the first block, at 15 in the second; one row is 1.5 bytes of zero points.
    const row = [4, 15, 0].flatMap((zero) => Array.from({ length: 16 }, (_, code) => (code - zero) * 0.5));
    const weight = Float32Array.from([...row, ...row]);
    const { data, scales, zeroPoints } = quantiseInt4(weight, 2, 48, { blockSize: 16 });
    const codes = [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe];
    expect([...data]).toEqual(Array.from({ length: 6 }, () => codes).flat());
    expect([...scales]).toEqual(Array.from({ length: 6 }, () => 0.5));
    expect([...zeroPoints!]).toEqual([0xf4, 0x00, 0xf4, 0x00]);
    expect(widened(weight, 2, 48)).toEqual(weight);
  });

  it('keep nothing of a block of zeros, and fill up the last block of a row', () => {
    const weight = new Float32Array(3 * 20).fill(0.25, 20, 40);
    const { data, scales } = quantiseInt4(weight, 3, 20, { blockSize: 16 });
    expect([data.length, scales.length]).toEqual([3 * 2 * 8, 3 * 2]);
    expect([...scales].map((scale) => scale > 0)).toEqual([false, false, true, true, false, false]);
    expect([...widened(weight, 3, 20)].map((each) => each.toFixed(5))).toEqual(
      [...weight].map((each) => each.toFixed(5)),
    );
  });

  it('hit the one outlier of a block to a sixteenth, as the others are nothing beside it', () => {
    for (const outlier of [100, -100]) {
      const weight = randn(16, 4n);
      weight[5] = outlier;
      expect(Math.abs(widened(weight, 1, 16)[5]! - outlier)).toBeLessThan(100 / 16);
    }
  });

  it('lose a fifth less of gaussian weights than plain rounding around the middle code', () => {
    const weight = randn(64 * 128, 1n);
    const plain = Float32Array.from(weight);
    for (let at = 0; at < plain.length; at += 16) {
      const block = weight.subarray(at, at + 16);
      const scale = Math.max(...block.map(Math.abs)) / 7;
      plain.set(
        block.map((each) => Math.round(each / scale) * scale),
        at,
      );
    }
    const x = randn(32 * 128, 2n);
    const found = outputError(x, weight, widened(weight, 64, 128), 128);
    expect(found).toBeLessThan(0.8 * outputError(x, weight, plain, 128));
    expect(found).toBeGreaterThan(0);
  });

  it('serve the columns whose inputs are large, if these are known', () => {
    const k = 128;
    const weight = randn(32 * k, 1n);
    const large = (column: number): number => (column === 7 || column === 90 ? 50 : 1);
    const x = randn(64 * k, 2n).map((value, i) => value * large(i % k));
    const variance = Float32Array.from({ length: k }, (_, column) => large(column) ** 2);
    const blind = outputError(x, weight, widened(weight, 32, k), k);
    expect(outputError(x, weight, widened(weight, 32, k, { variance, directions: [] }), k)).toBeLessThan(0.5 * blind);
  });

  it('cancel their errors along the mean of the inputs, and along other directions that are known', () => {
    const k = 128;
    const weight = randn(32 * k, 1n);
    const directions = [randn(k, 5n), randn(k, 6n), randn(k, 7n)];
    const amounts = randn(64 * 3, 8n);
    const x = randn(64 * k, 2n).map((value, i) =>
      directions.reduce((sum, each, r) => sum + amounts[Math.floor(i / k) * 3 + r]! * each[i % k]!, value),
    );
    const blind = outputError(x, weight, widened(weight, 32, k), k);
    const known = { variance: new Float32Array(k).fill(1), directions };
    expect(outputError(x, weight, widened(weight, 32, k, known), k)).toBeLessThan(0.75 * blind);
    // Measured on other tokens than those of the test.
    const measured = measureInputs(x.subarray(0, 32 * k), k, 4);
    expect(measured.directions).toHaveLength(4);
    const rest = x.subarray(32 * k);
    const inputs = [widened(weight, 32, k), widened(weight, 32, k, measured)];
    const [before = 0, after = 1] = inputs.map((each) => outputError(rest, weight, each, k));
    expect(after).toBeLessThan(0.8 * before);
  });

  it('learn how strong each column of the inputs is, whatever part of it is known as directions', () => {
    const k = 24;
    const x = randn(40 * k, 3n).map((value, i) => value * (1 + (i % k)) + (i % 5));
    const power = Array.from({ length: k }, (_, c) => x.reduce((sum, v, i) => sum + (i % k === c ? v * v : 0), 0) / 40);
    for (const rank of [0, 1, 5]) {
      const { variance, directions } = measureInputs(x, k, rank);
      expect(directions).toHaveLength(rank);
      for (const [c, found] of variance.entries())
        expect(directions.reduce((sum, each) => sum + each[c]! ** 2, found) / power[c]!).toBeCloseTo(1, 2);
    }
    expect(measureInputs(new Float32Array(3 * k).fill(2), k, 5).directions).toEqual([new Float32Array(k).fill(2)]);
    expect(() => measureInputs(x, 7, 1)).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  it('come from inputs that are always zero, too', () => {
    const dead = new Float32Array(16);
    const found = widened(randn(16, 1n), 1, 16, { variance: dead, directions: [dead] });
    expect(found.every(Number.isFinite)).toBe(true);
  });
});

describe('8 bits', () => {
  it('count from 128, the largest weight of a block 127 steps away', () => {
    const weight = Float32Array.from({ length: 20 }, (_, i) => (i === 3 ? -12.7 : i === 17 ? 1.27 : 0));
    const { data, scales, zeroPoints } = quantiseInt8Blocks(weight, 1, 20, { blockSize: 16 });
    expect([...data]).toEqual(Array.from({ length: 32 }, (_, i) => (i === 3 ? 1 : i === 17 ? 255 : 128)));
    expect([...scales].map((each) => each.toFixed(6))).toEqual(['0.100000', '0.010000']);
    expect(zeroPoints).toBeUndefined();
  });

  it('round to the nearest', () => {
    const weight = randn(64, 1n);
    const { data, scales } = quantiseInt8Blocks(weight, 1, 64, { blockSize: 32 });
    data.forEach((code, i) => {
      const scale = scales[i >> 5]!;
      expect(Math.abs((code - 128) * scale - weight[i]!)).toBeLessThan(0.5001 * scale);
    });
  });
});

describe('refused are', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('weights that hold %d', (bad) => {
    for (const rest of [0, 1]) {
      const weight = new Float32Array(3 * 20).fill(rest);
      weight[27] = bad;
      const refusal = expect.objectContaining({ code: 'model_corrupt', message: expect.stringContaining('Row 1') });
      expect(() => quantiseInt4(weight, 3, 20, { blockSize: 16 })).toThrow(refusal);
      expect(() => quantiseInt8Blocks(weight, 3, 20, { blockSize: 16 })).toThrow(refusal);
    }
  });

  it('another size than n · k, blocks without a kernel, and moments that fit no layer', () => {
    const weight = new Float32Array(32);
    const internal = expect.objectContaining({ code: 'internal' });
    expect(() => quantiseInt4(weight, 2, 17, { blockSize: 16 })).toThrow(internal);
    expect(() => quantiseInt8Blocks(weight, 2, 16, { blockSize: 24 })).toThrow(internal);
    for (const variance of [new Float32Array(15), new Float32Array(16).fill(-1), new Float32Array(16).fill(Number.NaN)])
      expect(() => quantiseInt4(weight, 2, 16, { blockSize: 16, inputs: { variance, directions: [] } })).toThrow(
        internal,
      );
  });
});
