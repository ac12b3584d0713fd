import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { responseTooLarge, unreachable } from './net-errors.ts';

/** Counts the memory that a body takes. `hold` is called before more is taken; what it throws ends the call. */
export interface MemoryCount {
  hold(bytes: number): void;
  release(bytes: number): void;
}

export interface BodyLimits {
  readonly url: URL;
  readonly maxBytes: number;
  /** `refuse` throws `url_too_large`; `cut` keeps the first `maxBytes`, and nothing of a compressed body. */
  readonly overflow: 'refuse' | 'cut';
  readonly memory?: MemoryCount | undefined;
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * What a compressed answer may unpack to. No server has to compress, because it was asked not to; a few hundred kilobytes must
 * not become as much memory as a whole file may take.
 */
const MAX_UNPACKED_BYTES = 16_000_000;

const UNCOUNTED: MemoryCount = { hold: () => undefined, release: () => undefined };

/**
 * Reads the whole body. The limit counts the bytes that arrive and, if a server compresses although it was asked not to, also
 * the bytes after decompression, of which there may be 16 MB. Throws AppError `url_too_large` or `url_unreachable`, and what
 * `memory` throws; it then ends the source.
 */
export async function readResponseBody(source: Readable, headers: Headers, limits: BodyLimits): Promise<Uint8Array> {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  const isPlain = encoding === '' || encoding === 'identity';
  if (limits.overflow === 'cut') {
    if (isPlain) return firstBytes(source, limits.maxBytes);
    end(source);
    return new Uint8Array();
  }
  const declared = Number(headers.get('content-length') ?? Number.NaN);
  if (declared > limits.maxBytes) {
    end(source);
    throw responseTooLarge(limits.url, limits.maxBytes);
  }
  if (isPlain) return declared > 0 ? ofLength(declared, counted(source, limits), limits) : join(source, limits);

  const decoder = DECODERS[encoding]?.();
  if (decoder === undefined) {
    end(source);
    throw unreachable(limits.url, 'it answers in an encoding that was not asked for');
  }
  pipeline(Readable.from(counted(source, limits)), decoder, () => undefined);
  return join(decoder, { ...limits, maxBytes: Math.min(limits.maxBytes, MAX_UNPACKED_BYTES) });
}

/** Drops a body without reading it, and closes its connection. */
export function end(source: Readable): void {
  source.on('error', () => undefined).destroy();
}

async function* counted(source: Readable, { url, maxBytes }: BodyLimits): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw responseTooLarge(url, maxBytes);
    yield chunk;
  }
}

/**
 * A body whose length is known goes straight to its place. The system takes memory as it is filled, and so does the count: a
 * server that declares much and sends little holds little. undici refuses a body of another length; an answer to HEAD has none.
 */
async function ofLength(
  length: number,
  chunks: AsyncIterable<Uint8Array>,
  { memory = UNCOUNTED }: BodyLimits,
): Promise<Uint8Array> {
  const body = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of chunks) {
    memory.hold(chunk.length);
    body.set(chunk, filled);
    filled += chunk.length;
  }
  return filled === length ? body : body.slice(0, filled);
}

/** While the pieces of a body are joined, they take twice their memory. */
async function join(source: Readable, limits: BodyLimits): Promise<Uint8Array> {
  const { memory = UNCOUNTED } = limits;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of counted(source, limits)) {
    memory.hold(2 * chunk.length);
    chunks.push(chunk);
    bytes += chunk.length;
  }
  const body = new Uint8Array(bytes);
  let filled = 0;
  for (const chunk of chunks) {
    body.set(chunk, filled);
    filled += chunk.length;
  }
  memory.release(bytes);
  return body;
}

async function firstBytes(source: Readable, maxBytes: number): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    kept.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxBytes) break;
  }
  return new Uint8Array(Buffer.concat(kept).subarray(0, maxBytes));
}
