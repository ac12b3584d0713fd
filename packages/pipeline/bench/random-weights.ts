import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorList } from '../src/plan/checkpoint-tensors.ts';
import { randn } from '../src/sampling/noise.ts';

const POOL = 1 << 22;

/** Writes tensors with random values as one safetensors file, `diffusion_pytorch_model`. Returns their bytes. */
export function writeRandomWeights(dir: string, tensors: TensorList, dtype: 'F32' | 'BF16'): number {
  const size = dtype === 'F32' ? 4 : 2;
  const noise = randn(POOL, 1n).map((x) => x * 0.02);
  const pool =
    dtype === 'F32'
      ? Buffer.from(noise.buffer)
      : Buffer.from(new Uint16Array(new Uint32Array(noise.buffer).map((bits) => bits >>> 16)).buffer);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, shape] of tensors) {
    const bytes = shape.reduce((product, side) => product * side, size);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const fd = openSync(join(dir, 'diffusion_pytorch_model.safetensors'), 'w');
  try {
    writeSync(fd, prefix);
    writeSync(fd, json);
    for (let written = 0; written < offset; )
      written += writeSync(fd, pool, 0, Math.min(pool.length, offset - written));
  } finally {
    closeSync(fd);
  }
  return offset;
}
