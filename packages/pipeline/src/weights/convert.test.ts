import { describe, expect, it } from 'vitest';
import { toFloat32 } from './convert.ts';

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

describe('fp16 is widened exactly', () => {
  it.each<[string, number, number]>([
    ['1', 0x3c00, 1],
    ['-2', 0xc000, -2],
    ['the largest number', 0x7bff, 65504],
    ['the smallest normal number', 0x0400, 2 ** -14],
    ['the largest subnormal number', 0x03ff, 1023 * 2 ** -24],
    ['the smallest subnormal number', 0x0001, 2 ** -24],
    ['minus the smallest', 0x8001, -(2 ** -24)],
    ['0', 0x0000, 0],
    ['-0', 0x8000, -0],
    ['infinity', 0x7c00, Number.POSITIVE_INFINITY],
    ['-infinity', 0xfc00, Number.NEGATIVE_INFINITY],
    ['NaN', 0x7e00, Number.NaN],
    ['another NaN', 0xfc01, Number.NaN],
    ['a third, rounded', 0x3555, 0.333251953125],
  ])('%s', (_, bits, wanted) => {
    expect(toFloat32(words(bits), 'F16')[0]).toBe(wanted);
  });

  it("every one of the 65,536 halves agrees with JavaScript's own", () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const bytes = new Uint8Array(halves.buffer);
    expect(toFloat32(bytes, 'F16')).toEqual(Float32Array.from(new Float16Array(halves.buffer)));
  });
});

describe('bf16 is the upper half of an fp32', () => {
  it.each<[string, number, number]>([
    ['1', 0x3f80, 1],
    ['-2', 0xc000, -2],
    ['pi, rounded', 0x4049, 3.140625],
    ['the smallest subnormal number', 0x0001, 2 ** -133],
    ['-0', 0x8000, -0],
    ['the largest number', 0x7f7f, 3.3895313892515355e38],
    ['infinity', 0x7f80, Number.POSITIVE_INFINITY],
    ['-infinity', 0xff80, Number.NEGATIVE_INFINITY],
    ['NaN', 0x7fc0, Number.NaN],
  ])('%s', (_, bits, wanted) => {
    expect(toFloat32(words(bits), 'BF16')[0]).toBe(wanted);
  });
});

it('bytes at an odd place of a larger array are read from there', () => {
  const all = new Uint8Array(9);
  all.set(new Uint8Array(Float32Array.of(1.5, -7).buffer), 1);
  expect(toFloat32(all.subarray(1), 'F32')).toEqual(Float32Array.of(1.5, -7));
  const halves = new Uint8Array(5);
  halves.set(words(0x3c00, 0xc000), 1);
  expect(toFloat32(halves.subarray(1), 'F16')).toEqual(Float32Array.of(1, -2));
});
