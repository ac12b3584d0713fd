import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '@qwen-edit/contract';

export interface ReceiveLimits {
  readonly maxBytes: number;
  /** A body of which nothing arrives for so long is given up. */
  readonly idleMs: number;
  readonly totalMs: number;
}

type Outgoing = Pick<ServerResponse, 'writeContinue'>;

/**
 * Reads a request's body in pieces. Reading stops at the limits, and the connection stays open for the answer. Throws
 * AppError `media_type_unsupported` for a compressed body, `request_too_large`, `request_timeout`, and
 * `request_malformed` if the body breaks off.
 */
export async function* receiveBody(
  incoming: IncomingMessage,
  outgoing: Outgoing,
  limits: ReceiveLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  refuseByHeaders(incoming, limits.maxBytes);
  // The server leaves this to us, so that a caller never sends a body that is refused by its headers.
  if (/^100-continue$/i.test(incoming.headers.expect ?? '')) outgoing.writeContinue();
  const end = performance.now() + limits.totalMs;
  let received = 0;
  for (;;) {
    const chunk: Buffer | null = incoming.read();
    if (chunk === null) {
      if (incoming.readableEnded) return;
      await nextChunk(incoming, Math.min(limits.idleMs, end - performance.now()));
      continue;
    }
    received += chunk.length;
    if (received > limits.maxBytes) throw bodyTooLarge(limits.maxBytes);
    if (performance.now() > end) throw tooSlow();
    yield chunk;
  }
}

function refuseByHeaders({ headers }: IncomingMessage, maxBytes: number): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    throw new AppError('media_type_unsupported', 'The body is encoded, which is not taken.', {
      hint: 'Send the body without Content-Encoding.',
    });
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
}

/** Resolves when there may be more to read. */
async function nextChunk(incoming: IncomingMessage, waitMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const broken = (): void => reject(brokenOff());
  if (incoming.destroyed) broken();
  incoming.on('readable', resolve).on('end', resolve).on('error', broken).on('close', broken);
  const timer = setTimeout(() => reject(tooSlow()), Math.max(0, waitMs));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    incoming.off('readable', resolve).off('end', resolve).off('error', broken).off('close', broken);
  }
}

/** True if the request has a body, even an empty chunked one. Source: RFC 9112, section 6. */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** True while a part of the request's body has not arrived yet. */
export function isSending(incoming: IncomingMessage): boolean {
  return !incoming.complete && hasBody(incoming);
}

/** The error of a body above its limit. */
function bodyTooLarge(maxBytes: number): AppError {
  return new AppError('request_too_large', `The body has more than ${maxBytes} bytes.`);
}

function tooSlow(): AppError {
  return new AppError('request_timeout', 'The body took too long to arrive.');
}

function brokenOff(): AppError {
  return new AppError('request_malformed', 'The body breaks off before its end.');
}
