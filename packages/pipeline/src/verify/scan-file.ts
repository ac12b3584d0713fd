import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { leadingZeros, MIN_ZERO_RUN, trailingZeros, type ZeroRun } from '../weights/zeros.ts';
import { placesNotFinite, scanBlock } from './scan-block.ts';

export const scanJobSchema = z.object({
  path: z.string(),
  /** Whether the SHA-256 of the whole file is wanted. */
  hash: z.boolean(),
  /** Tensors in the order of their offsets. They do not overlap. */
  spans: z.array(z.object({ offset: z.number(), byteLength: z.number(), dtype: z.enum(['F32', 'F16', 'BF16']) })),
});
export type ScanJob = z.output<typeof scanJobSchema>;
type Span = ScanJob['spans'][number];

export const scanResultSchema = z.object({
  sha256: z.string().nullable(),
  /** Every run of MIN_ZERO_RUN zero bytes or more in the tensors. */
  runs: z.array(z.object({ begin: z.number(), end: z.number() })),
  /** Tensors, by their index in `spans`, with numbers that are not finite: how many, and the first one's index. */
  notFinite: z.array(z.object({ span: z.number(), count: z.number(), first: z.number() })),
});
export type ScanResult = z.output<typeof scanResultSchema>;

/** A multiple of the size of every element. */
const PIECE_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 1024;

/**
 * Reads a file once from beginning to end and finds what only its contents tell. It blocks the thread. `onBytes` is told after
 * each piece how many bytes were read. Parts that no span covers are only read for the hash.
 */
export function scanFile({ path, hash, spans }: ScanJob, onBytes: (bytes: number) => void): ScanResult {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const digest = hash ? createHash('sha256') : undefined;
    const buffer = new Uint8Array(PIECE_BYTES);
    const tracker = createTracker(buffer);
    const read = (begin: number, end: number, span?: number): void => {
      for (let at = begin; at < end; at += PIECE_BYTES) {
        const length = fill(fd, buffer, at, Math.min(PIECE_BYTES, end - at));
        digest?.update(buffer.subarray(0, length));
        if (span !== undefined) tracker.take(at, length, span, spans[span]!);
        onBytes(length);
      }
    };
    let at = 0;
    for (const [i, { offset, byteLength }] of spans.entries()) {
      if (offset > at) {
        tracker.gap(at);
        if (hash) read(at, offset);
      }
      read(offset, offset + byteLength, i);
      at = offset + byteLength;
    }
    tracker.gap(at);
    if (hash) read(at, size);
    return { sha256: digest?.digest('hex') ?? null, ...tracker.result() };
  } finally {
    closeSync(fd);
  }
}

/** Reads `length` bytes at `at`. Fewer if the file ends before. */
function fill(fd: number, buffer: Uint8Array, at: number, length: number): number {
  let done = 0;
  while (done < length) {
    const count = readSync(fd, buffer, done, length - done, at + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Follows runs of zeros over the pieces of a file, and counts numbers that are not finite. */
function createTracker(buffer: Uint8Array) {
  const words = new Int32Array(buffer.buffer);
  const runs: ZeroRun[] = [];
  const notFinite: { span: number; count: number; first: number }[] = [];
  /** Where the zeros begin that reach up to the end of what was read; undefined if the last byte was none. */
  let begin: number | undefined;

  const close = (end: number): void => {
    if (begin !== undefined && end - begin >= MIN_ZERO_RUN) runs.push({ begin, end });
    begin = undefined;
  };
  const count = (bytes: Uint8Array, span: number, first: number, dtype: Span['dtype']): void => {
    const places = placesNotFinite(bytes, dtype);
    const last = notFinite.at(-1);
    if (last?.span === span) last.count += places.length;
    else notFinite.push({ span, count: places.length, first: first + (places[0] ?? 0) });
  };

  return {
    /** Takes the piece in `buffer`, which lies at `at` of the file and begins with a whole element of the span. */
    take(at: number, length: number, span: number, { offset, dtype }: Span): void {
      // Words are whole: what lies behind the piece counts as zero, and is not there for the runs.
      buffer.fill(0, length, Math.min(buffer.length, length + 3));
      for (let from = 0; from < length; from += BLOCK_BYTES) {
        const to = Math.min(from + BLOCK_BYTES, length);
        const kind = scanBlock(words, from >> 2, (to + 3) >> 2, dtype);
        if (kind === 'zero') {
          begin ??= at + from;
          continue;
        }
        const block = buffer.subarray(from, to);
        if (begin !== undefined) close(at + from + leadingZeros(block));
        const zeros = trailingZeros(block);
        if (zeros > 0) begin = at + to - zeros;
        if (kind === 'not finite') count(block, span, (at + from - offset) / (dtype === 'F32' ? 4 : 2), dtype);
      }
    },
    /** The bytes from `at` on belong to no tensor. */
    gap: close,
    result: () => ({ runs, notFinite }),
  };
}
