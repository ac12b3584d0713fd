import { writeFileSync } from 'node:fs';

/** A tensor to be written: fp32 numbers, or bytes of any other type. */
export interface NewTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
  /** Default: F32. */
  readonly dtype?: string;
}

/** Writes a safetensors file. */
export function writeTensors(
  path: string,
  tensors: Readonly<Record<string, NewTensor>>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { shape, data, dtype = 'F32' }] of Object.entries(tensors)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, ...parts]));
}

/** Numbers around 0 that are the same in each run. */
export function noise(count: number, seed: number, size = 0.2): Float32Array {
  let state = seed + 1;
  return Float32Array.from({ length: count }, () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return (state / 2 ** 31 - 1) * size;
  });
}

/** The two matrices of layers in diffusers' layout; `layers`: name -> [n, k]. */
export function loraTensors(
  layers: Readonly<Record<string, readonly [number, number]>>,
  { rank = 3, seed = 0 }: { readonly rank?: number; readonly seed?: number } = {},
): Record<string, NewTensor> {
  const tensors: Record<string, NewTensor> = {};
  for (const [i, [name, [n, k]]] of Object.entries(layers).entries()) {
    tensors[`transformer.${name}.lora_A.weight`] = { shape: [rank, k], data: noise(rank * k, 2 * i + 100 * seed) };
    tensors[`transformer.${name}.lora_B.weight`] = { shape: [n, rank], data: noise(n * rank, 2 * i + 1 + 100 * seed) };
  }
  return tensors;
}
