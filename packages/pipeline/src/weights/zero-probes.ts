import { type FileHandle, open } from 'node:fs/promises';
import { AppError } from '@qwen-edit/contract';
import { FETCH_AGAIN } from './remedies.ts';
import type { TensorInfo } from './safetensors.ts';
import { damagedBy, isMatrix, leadingZeros, MIN_ZERO_RUN, trailingZeros, type ZeroRun } from './zeros.ts';

/** Places of a file that are looked at, besides its end. */
const PROBES = 15;
const TAIL_BYTES = 64 * 1024;
/** From a zero probe, the run is read this far into a tensor; beyond it is judged by samples. */
const READ_BYTES = 16 * 1024 * 1024;
const STEP_BYTES = 256 * 1024;
const SAMPLES = 15;
/** A run over more matrices than this is damage whatever lies behind. */
const ENOUGH_MATRICES = 3;

/**
 * Looks for parts of a weight file that were never written, without reading it: at its end and at places spread over it,
 * 128 KB in all. A run of zeros that it meets is followed to its ends. AppError `model_corrupt` if the file is damaged; a hole
 * between the places that are looked at is not found. `tensors`: those of the file.
 */
export async function probeForZeros(
  path: string,
  label: string,
  tensors: readonly TensorInfo[],
): Promise<AppError | undefined> {
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  const [first] = ordered;
  const last = ordered.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const begin = first.offset;
  const end = last.offset + last.byteLength;
  const file = await open(path, 'r');
  try {
    const tail = await readAt(file, Math.max(begin, end - TAIL_BYTES), Math.min(TAIL_BYTES, end - begin));
    const zeros = trailingZeros(tail);
    if (zeros >= MIN_ZERO_RUN) {
      const run = await follow(file, { begin: end - zeros, end }, ordered);
      const damaged = damagedBy(run, ordered);
      if (damaged !== undefined) return zerosFound(label, run, damaged);
    }
    const step = Math.floor((end - begin) / (PROBES + 1));
    if (step <= MIN_ZERO_RUN) return undefined;
    const probes = Array.from({ length: PROBES }, (_, i) => begin + step * (i + 1));
    const found = await Promise.all(
      probes.map(async (at) => leadingZeros(await readAt(file, at, MIN_ZERO_RUN)) === MIN_ZERO_RUN),
    );
    for (const at of probes.filter((_, i) => found[i] === true)) {
      const run = await follow(file, { begin: at, end: at + MIN_ZERO_RUN }, ordered);
      const damaged = damagedBy(run, ordered);
      if (damaged !== undefined) return zerosFound(label, run, damaged);
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/** The error for a run of zeros that has damaged a tensor. */
export function zerosFound(label: string, { begin, end }: ZeroRun, { name }: TensorInfo): AppError {
  return new AppError(
    'model_corrupt',
    `${label} was not written whole: its bytes ${begin} to ${end - 1} are zero; the first of them are in ${name}.`,
    { hint: FETCH_AGAIN },
  );
}

/** The whole run around a part of it, as far as it can be told from READ_BYTES and samples of each tensor. */
async function follow(file: FileHandle, part: ZeroRun, tensors: readonly TensorInfo[]): Promise<ZeroRun> {
  let { begin, end } = part;
  for (let matrices = 0; matrices < ENOUGH_MATRICES; ) {
    const tensor = tensors.findLast(({ offset, byteLength }) => offset < begin && byteLength > 0);
    if (tensor === undefined) break;
    begin = await backwards(file, begin, tensor);
    if (begin > tensor.offset) break;
    if (isMatrix(tensor)) matrices++;
  }
  for (let matrices = 0; matrices < ENOUGH_MATRICES; ) {
    const tensor = tensors.find(({ offset, byteLength }) => offset + byteLength > end && byteLength > 0);
    if (tensor === undefined || tensor.offset > end) break;
    const stop = tensor.offset + tensor.byteLength;
    end = await forwards(file, end, stop);
    if (end < stop) break;
    if (isMatrix(tensor)) matrices++;
  }
  return { begin, end };
}

/** Where the zeros before `from` begin, not before the tensor does. */
async function backwards(file: FileHandle, from: number, { offset }: TensorInfo): Promise<number> {
  let begin = from;
  while (begin > offset) {
    if (from - begin >= READ_BYTES) return (await isZeroAt(file, offset, begin)) ? offset : begin;
    const length = Math.min(STEP_BYTES, begin - offset);
    const zeros = trailingZeros(await readAt(file, begin - length, length));
    begin -= zeros;
    if (zeros < length) return begin;
  }
  return begin;
}

/** Where the zeros from `from` on end, not behind `stop`. */
async function forwards(file: FileHandle, from: number, stop: number): Promise<number> {
  let end = from;
  while (end < stop) {
    if (end - from >= READ_BYTES) return (await isZeroAt(file, end, stop)) ? stop : end;
    const length = Math.min(STEP_BYTES, stop - end);
    const zeros = leadingZeros(await readAt(file, end, length));
    end += zeros;
    if (zeros < length) return end;
  }
  return end;
}

/** Whether samples of [begin, end), both ends among them, are zero. */
async function isZeroAt(file: FileHandle, begin: number, end: number): Promise<boolean> {
  for (let i = 0; i <= SAMPLES; i++) {
    const at = begin + Math.floor(((end - begin - MIN_ZERO_RUN) * i) / SAMPLES);
    const length = Math.min(MIN_ZERO_RUN, end - at);
    if (leadingZeros(await readAt(file, Math.max(begin, at), length)) < length) return false;
  }
  return true;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, at);
  return bytes.subarray(0, bytesRead);
}
