import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { foreignBytes } from './foreign-bytes.ts';
import { FETCH_AGAIN, LET_READ } from './remedies.ts';

/** Bytes of one element of each storage type that a checkpoint of this kind may hold. */
const DTYPE_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type Dtype = keyof typeof DTYPE_BYTES;

/** Where one tensor lies: `byteLength` bytes from `offset` of the file `path`, row-major, little-endian. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Real path of the file, links resolved. */
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
}

const MAX_HEADER_BYTES = 100_000_000;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});

/** What the header of a safetensors file says. */
export interface WeightFileHeader {
  /** Tensors of the types that are supported, in no order. */
  readonly tensors: readonly TensorInfo[];
  /** The types of the others, by name. */
  readonly unsupported: ReadonlyMap<string, string>;
  /** What whoever wrote the file has noted in it. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Reads and checks the header of a safetensors file: every tensor lies inside the file, none overlap, no byte is left over.
 * Tensors of other types than F32, F16 and BF16 are returned in `unsupported`, by name. Errors call the file `label`.
 * Throws AppError `model_corrupt`, `model_incomplete` for a file that may not be read, and what foreignBytes finds in a file
 * that is none of safetensors. Source: the format's specification (huggingface/safetensors).
 */
export async function readSafetensorsHeader(path: string, label = basename(path)): Promise<WeightFileHeader> {
  const corrupt = (what: string, cause?: unknown): AppError =>
    new AppError('model_corrupt', `${label}: ${what}.`, { hint: FETCH_AGAIN, cause });
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new AppError('model_incomplete', `${label} cannot be read.`, { hint: LET_READ, cause });
  });
  try {
    const size = (await file.stat()).size;
    const head = Buffer.alloc(512);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const foreign = (): AppError | undefined => foreignBytes(head.subarray(0, bytesRead), label);
    if (size === 0) throw corrupt('the file is empty');
    if (bytesRead < 8) throw corrupt('too short for a safetensors file');
    const headerBytes = Number(head.readBigUInt64LE(0));
    if (headerBytes > MAX_HEADER_BYTES || headerBytes > size - 8) {
      throw foreign() ?? corrupt(`its header claims ${headerBytes} bytes, the file has ${size}`);
    }
    const raw = Buffer.alloc(headerBytes);
    if ((await file.read(raw, 0, headerBytes, 8)).bytesRead < headerBytes) throw corrupt('the header is cut off');
    let json: unknown;
    try {
      json = JSON.parse(raw.toString('utf8'));
    } catch (cause) {
      throw foreign() ?? corrupt('the header is not JSON', cause);
    }
    return checkHeader(path, json, 8 + headerBytes, size, corrupt);
  } finally {
    await file.close();
  }
}

function checkHeader(
  path: string,
  json: unknown,
  dataStart: number,
  size: number,
  corrupt: (what: string) => AppError,
): WeightFileHeader {
  const header = z.record(z.string(), z.unknown()).safeParse(json);
  if (!header.success) throw corrupt('the header is not an object');

  const tensors: TensorInfo[] = [];
  const unsupported = new Map<string, string>();
  const ranges: [number, number, string][] = [];
  for (const [name, value] of Object.entries(header.data)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success) throw corrupt(`the entry of ${name} is malformed`);
    const { dtype, shape, data_offsets } = entry.data;
    const [begin, end] = data_offsets;
    if (end < begin) throw corrupt(`${name} ends at byte ${dataStart + end}, before it begins`);
    if (dataStart + end > size) {
      throw corrupt(`the file is cut off: ${name} ends at byte ${dataStart + end}, the file has ${size}`);
    }
    ranges.push([begin, end, name]);
    if (!isDtype(dtype)) {
      unsupported.set(name, dtype);
      continue;
    }
    const byteLength = shape.reduce((product, side) => product * side, DTYPE_BYTES[dtype]);
    if (byteLength !== end - begin) {
      throw corrupt(`${name} is ${dtype} [${shape}], which is ${byteLength} bytes, but has ${end - begin}`);
    }
    tensors.push({ name, dtype, shape, path, offset: dataStart + begin, byteLength });
  }

  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let covered = 0;
  for (const [begin, end, name] of ranges) {
    if (begin !== covered)
      throw corrupt(begin < covered ? `${name} overlaps another tensor` : `there is a hole before ${name}`);
    covered = end;
  }
  if (dataStart + covered !== size) throw corrupt(`${size - dataStart - covered} bytes at the end belong to no tensor`);
  const metadata = z.record(z.string(), z.unknown()).safeParse(header.data.__metadata__).data ?? {};
  return { tensors, unsupported, metadata };
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}
