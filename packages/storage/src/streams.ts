import { addAbortSignal, pipeline, Readable, Transform } from 'node:stream';
import { AppError } from '@qwen-edit/contract';
import type { ObjectBody } from './object-store.ts';

export function canceled(signal: AbortSignal | undefined): AppError {
  return new AppError('canceled', 'The transfer was cancelled.', { cause: signal?.reason });
}

/** A body that is being written to a store. */
export interface Feed {
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
  /** How many bytes have passed so far. */
  bytes(): number;
}

interface Limits {
  readonly signal?: AbortSignal;
  readonly maxBytes?: number;
}

/**
 * Passes the chunks of a body to `store`. They fail with `canceled` as soon as the signal aborts, even while the body sends
 * nothing, and with `request_too_large` after `maxBytes`. If the body fails, its error is thrown, whatever error `store` makes
 * of it; if `store` fails, the body is ended.
 */
export async function feed<T>(body: ObjectBody, limits: Limits, store: (feed: Feed) => Promise<T>): Promise<T> {
  let bytes = 0;
  let failure: unknown;
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of interruptible(body, limits.signal)) {
        bytes += chunk.length;
        if (limits.maxBytes !== undefined && bytes > limits.maxBytes) throw contentTooLarge(limits.maxBytes);
        yield chunk;
      }
    } catch (thrown) {
      failure = thrown;
      throw thrown;
    }
  }
  try {
    return await store({ chunks: chunks(), bytes: () => bytes });
  } catch (thrown) {
    if (body instanceof Readable) destroyQuietly(body);
    throw failure ?? thrown;
  }
}

export function contentTooLarge(maxBytes: number): AppError {
  return new AppError('request_too_large', `The content has more than ${maxBytes} bytes.`);
}

async function* interruptible(body: ObjectBody, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (signal?.aborted) throw canceled(signal);
  if (body instanceof Uint8Array) return yield body;
  // A web stream cannot be cancelled while it has a reader; a stream of Node can be destroyed at any time.
  if (body instanceof ReadableStream) return yield* interruptible(Readable.fromWeb(body), signal);

  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const onAbort = (): void => reject(canceled(signal));
  signal?.addEventListener('abort', onAbort);
  const iterator = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!ended) end(body, iterator);
  }
}

/** A stream can be ended at once. A generator that waits for its source cannot return before, so this does not wait for it. */
function end(body: AsyncIterable<Uint8Array>, iterator: AsyncIterator<Uint8Array>): void {
  if (body instanceof Readable) destroyQuietly(body);
  else void Promise.resolve(iterator.return?.()).catch(() => undefined);
}

function destroyQuietly(stream: Readable): void {
  stream.on('error', () => undefined).destroy();
}

/**
 * Returns a stream of exactly `bytes` bytes from `source`; it fails if there are fewer or more. `toError` translates errors of
 * the source. Destroying the stream destroys the source, and so does an abort of the signal.
 */
export function exactly(
  source: Readable,
  bytes: number,
  { toError, signal }: { toError: (thrown: unknown) => AppError; signal?: AbortSignal | undefined },
): Readable {
  let passed = 0;
  const wrong = (): AppError =>
    new AppError('storage_unavailable', `The storage sent ${passed} bytes of an object that has ${bytes}.`);
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      passed += chunk.length;
      if (passed > bytes) done(wrong());
      else done(null, chunk);
    },
    flush(done) {
      done(passed === bytes ? null : wrong());
    },
    destroy(error, done) {
      if (error === null) done(null);
      else done(signal?.aborted ? canceled(signal) : toError(error));
    },
  });
  pipeline(source, counter, () => undefined);
  if (signal !== undefined) addAbortSignal(signal, counter);
  return counter;
}
