import type { ServerResponse } from 'node:http';

export interface BodyStreamOptions {
  readonly end: () => void;
  readonly onError: (thrown: unknown) => void;
  /** The connection is closed when it aborts: the caller may not have the rest. */
  readonly lost?: AbortSignal | undefined;
}

/**
 * A body of an answer that reads its source only as fast as the caller takes it. `end` runs once: when the source has
 * ended or failed, or the caller has hung up. If the source fails the connection is closed, so that nobody takes the
 * answer for complete.
 */
export function bodyStream(
  source: AsyncIterable<Uint8Array>,
  outgoing: ServerResponse,
  { end, onError, lost }: BodyStreamOptions,
): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let ended = false;
  const finish = (): void => {
    lost?.removeEventListener('abort', cut);
    if (!ended) end();
    ended = true;
  };
  const cut = (): void => {
    finish();
    outgoing.destroy();
  };
  lost?.addEventListener('abort', cut);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done !== true) return controller.enqueue(value);
          finish();
          if (!outgoing.destroyed) controller.close();
        } catch (thrown) {
          if (!ended) onError(thrown);
          finish();
          outgoing.destroy();
        }
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  );
}

/**
 * Disconnects a reader that takes nothing for `ms`. After the answer, node:http sets the connection's own timeout
 * again.
 */
export function limitStall(outgoing: ServerResponse, ms: number): void {
  outgoing.socket?.setTimeout(ms);
}
