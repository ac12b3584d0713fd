import type { Dtype } from '../weights/safetensors.ts';

/**
 * Bit tricks on two 16-bit floats, or one of 32 bits, in a word: `mask` leaves the exponents, and adding `one` carries into
 * `carry` if an exponent has all bits set, which is what NaN and the infinities have.
 */
const EXPONENTS: Readonly<Record<Dtype, { readonly mask: number; readonly one: number; readonly carry: number }>> = {
  BF16: { mask: 0x7f807f80, one: 0x00800080, carry: 0x80008000 | 0 },
  F16: { mask: 0x7c007c00, one: 0x04000400, carry: 0x80008000 | 0 },
  F32: { mask: 0x7f800000, one: 0x00800000, carry: 0x80000000 | 0 },
};

export type BlockKind = 'zero' | 'finite' | 'not finite';

/** What words [from, to) hold: only zero bytes, finite numbers, or also NaN or infinity. */
export function scanBlock(words: Int32Array, from: number, to: number, dtype: Dtype): BlockKind {
  const { mask, one, carry } = EXPONENTS[dtype];
  let any = 0;
  let carried = 0;
  for (let i = from; i < to; i++) {
    const word = words[i]!;
    any |= word;
    carried |= ((word & mask) + one) | 0;
  }
  if (any === 0) return 'zero';
  return (carried & carry) === 0 ? 'finite' : 'not finite';
}

/** The places among `count` elements, from the beginning of `bytes`, that hold NaN or an infinity. */
export function placesNotFinite(bytes: Uint8Array, dtype: Dtype): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { mask } = EXPONENTS[dtype];
  const size = dtype === 'F32' ? 4 : 2;
  const exponent = dtype === 'F32' ? mask : mask & 0xffff;
  const places: number[] = [];
  for (let at = 0; at + size <= bytes.byteLength; at += size) {
    const bits = size === 4 ? view.getInt32(at, true) : view.getUint16(at, true);
    if ((bits & exponent) === exponent) places.push(at / size);
  }
  return places;
}
