import type { Dtype } from './safetensors.ts';

/**
 * Widens stored elements to fp32. bf16 is the upper half of an fp32; fp16 is IEEE 754 binary16. Files and the processors that ONNX Runtime
 * runs on are little-endian, so that typed arrays read the bytes as they are, several times faster than a DataView.
 */
export function toFloat32(bytes: Uint8Array, dtype: Dtype): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
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
