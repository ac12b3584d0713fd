import { closeSync, constants, copyFileSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorList } from '../src/plan/checkpoint-tensors.ts';
import { randn } from '../src/sampling/noise.ts';

/** How made-up weights are stored: BF16 is how checkpoints are published. */
export type RandomDtype = 'F32' | 'BF16';

/** A tensor's values that are set by hand: places in the tensor and what they hold. */
export type Planted = ReadonlyMap<string, readonly (readonly [place: number, value: number])[]>;

/** Prime, so that no two rows of a matrix are the same part of the pool. */
const POOL_VALUES = 4_194_301;
/** Data of every file begins at a multiple of this, so that files with the same shapes have it in the same place. */
const HEADER_BYTES = 16_384;
/** Of a linear layer of 3072 inputs, outputs are about as large as its inputs. */
const DEVIATION = 0.02;
const SMALL_DEVIATION = 0.005;

const NORM = /(norm\w*|ln_q)\.weight$|\.gamma$/;
/** What acts as a factor of whole streams: kept small, so that sixty blocks do not multiply up. */
const MODULATION = /(_mod\.1|norm_out\.linear)\.(weight|bias)$/;

export interface RandomWeights {
  /** Writes tensors as one safetensors file. Returns their bytes. */
  write(path: string, tensors: TensorList, planted?: Planted): number;
  /**
   * As `write`, with the data of `model`, a file of the same shapes in the same order that was written here. Where the file
   * system can (btrfs, XFS, APFS), the two share it on the disk; elsewhere it is copied.
   */
  writeSharing(model: string, path: string, tensors: TensorList): number;
}

/**
 * Made-up weights that keep activations finite at any depth: norms are 1, all else is a normal distribution of a small
 * deviation, drawn once; each tensor begins at another place of it.
 */
export function createRandomWeights(dtype: RandomDtype): RandomWeights {
  const size = dtype === 'F32' ? 4 : 2;
  const noise = randn(POOL_VALUES, 1n);
  const wide = encode(dtype, noise, DEVIATION);
  const small = encode(dtype, noise, SMALL_DEVIATION);
  const ones = encode(dtype, new Float32Array(4096).fill(1), 1);
  let start = 0;

  const poolOf = (name: string): Buffer => {
    if (NORM.test(name)) return ones;
    return MODULATION.test(name) ? small : wide;
  };
  return {
    write(path, tensors, planted = new Map()) {
      const { header, bytes, offsets } = headerOf(tensors, dtype, size);
      const fd = openSync(path, 'w');
      try {
        writeSync(fd, header);
        for (const [name, { offset, length }] of offsets) {
          const pool = poolOf(name);
          start = (start + 1_000_003 * size) % wide.length;
          let from = start % pool.length;
          for (let done = 0; done < length; from = 0) {
            const part = Math.min(pool.length - from, length - done);
            done += writeSync(fd, pool, from, part, header.length + offset + done);
          }
          for (const [place, value] of planted.get(name) ?? [])
            writeSync(fd, encode(dtype, Float32Array.of(value), 1), 0, size, header.length + offset + place * size);
        }
      } finally {
        closeSync(fd);
      }
      return bytes;
    },
    writeSharing(model, path, tensors) {
      const { header, bytes } = headerOf(tensors, dtype, size);
      copyFileSync(model, path, constants.COPYFILE_FICLONE);
      const fd = openSync(path, 'r+');
      try {
        writeSync(fd, header, 0, header.length, 0);
      } finally {
        closeSync(fd);
      }
      return bytes;
    },
  };
}

/** Writes tensors with random values as one safetensors file, `diffusion_pytorch_model`. Returns their bytes. */
export function writeRandomWeights(dir: string, tensors: TensorList, dtype: RandomDtype): number {
  return createRandomWeights(dtype).write(join(dir, 'diffusion_pytorch_model.safetensors'), tensors);
}

/** Source: the format's specification (huggingface/safetensors), which lets spaces follow the JSON. */
function headerOf(tensors: TensorList, dtype: RandomDtype, size: number) {
  const entries: Record<string, unknown> = {};
  const offsets = new Map<string, { readonly offset: number; readonly length: number }>();
  let bytes = 0;
  for (const [name, shape] of tensors) {
    const length = shape.reduce((product, side) => product * side, size);
    entries[name] = { dtype, shape, data_offsets: [bytes, bytes + length] };
    offsets.set(name, { offset: bytes, length });
    bytes += length;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const header = Buffer.alloc(HEADER_BYTES * Math.ceil((8 + json.length) / HEADER_BYTES), ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return { header, bytes, offsets };
}

function encode(dtype: RandomDtype, values: Float32Array, scale: number): Buffer {
  const scaled = values.map((x) => x * scale);
  if (dtype === 'F32') return Buffer.from(scaled.buffer);
  return Buffer.from(new Uint16Array(new Uint32Array(scaled.buffer).map((bits) => bits >>> 16)).buffer);
}
