import { expect, it } from 'vitest';
import { quantiseInt8 } from './int8.ts';

it('each output channel has a scale, its largest weight is ±127, and the result is transposed', () => {
  const weight = Float32Array.of(1, -2, 0.5, 10, 5, -2.5);
  const { data, scales } = quantiseInt8(weight, 2, 3);
  expect([...scales]).toEqual([Math.fround(2 / 127), Math.fround(10 / 127)]);
  expect([...data]).toEqual([64, 127, -127, 64, 32, -32]);
});

it('every weight is within half a level, also where tiles are partly filled', () => {
  const [n, k] = [70, 130];
  const weight = Float32Array.from({ length: n * k }, (_, i) => Math.sin(i * i));
  const { data, scales } = quantiseInt8(weight, n, k);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < k; column++) {
      const error = Math.abs(weight[row * k + column]! - data[column * n + row]! * scales[row]!);
      expect(error).toBeLessThanOrEqual(0.5001 * scales[row]!);
    }
});

it('a channel of zeros stays zero; NaN and infinity are refused', () => {
  expect([...quantiseInt8(new Float32Array(4), 2, 2).data]).toEqual([0, 0, 0, 0]);
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => quantiseInt8(Float32Array.of(1, wrong), 1, 2)).toThrow(
      expect.objectContaining({ code: 'model_corrupt' }),
    );
});
