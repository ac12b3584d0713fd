import { pipeline, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { responseTooLarge, unreachable } from './net-errors.ts';

export interface BodyLimits {
  readonly url: URL;
  readonly maxBytes: number;
  /** `refuse` throws `url_too_large`; `cut` keeps the first `maxBytes`, and nothing of a compressed body. */
  readonly overflow: 'refuse' | 'cut';
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * Reads the whole body. The limit counts the bytes that arrive and, if a server compresses although it was asked not to, also
 * the bytes after decompression. Throws AppError `url_too_large` or `url_unreachable`; it then ends the source.
 */
export async function readResponseBody(source: Readable, headers: Headers, limits: BodyLimits): Promise<Uint8Array> {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  const isPlain = encoding === '' || encoding === 'identity';
  if (limits.overflow === 'cut') {
    if (isPlain) return firstBytes(source, limits.maxBytes);
    end(source);
    return new Uint8Array();
  }
  if (Number(headers.get('content-length')) > limits.maxBytes) {
    end(source);
    throw responseTooLarge(limits.url, limits.maxBytes);
  }
  if (isPlain) return join(counted(source, limits));

  const decoder = DECODERS[encoding]?.();
  if (decoder === undefined) {
    end(source);
    throw unreachable(limits.url, 'it answers in an encoding that was not asked for');
  }
  pipeline(Readable.from(counted(source, limits)), decoder, () => undefined);
  return join(counted(decoder, limits));
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

async function join(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)));
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
