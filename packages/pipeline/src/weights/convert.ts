import type { Dtype } from './safetensors.ts';

/** Widens stored elements to fp32. bf16 is the upper half of an fp32; fp16 is IEEE 754 binary16. */
export function toFloat32(bytes: Uint8Array, dtype: Dtype): Float32Array {
  if (isPlain(bytes)) return widenPlain(bytes, dtype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'F32') {
    return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }
  const count = bytes.byteLength / 2;
  const out = new Float32Array(count);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  } else {
    for (let i = 0; i < count; i++) out[i] = halfToFloat(view.getUint16(2 * i, true));
  }
  return out;
}

/** Whether the bytes lie in memory as typed arrays take them, which are read several times faster than a DataView. */
function isPlain({ byteOffset }: Uint8Array): boolean {
  return byteOffset % 4 === 0 && new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
}

function widenPlain({ buffer, byteOffset, byteLength }: Uint8Array, dtype: Dtype): Float32Array {
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, byteLength / 4).slice();
  const stored = new Uint16Array(buffer, byteOffset, byteLength / 2);
  const out = new Float32Array(stored.length);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < stored.length; i++) bits[i] = stored[i]! << 16;
  } else {
    for (let i = 0; i < stored.length; i++) out[i] = halfToFloat(stored[i]!);
  }
  return out;
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
