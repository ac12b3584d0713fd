import { createBackoff, pause, repeat } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import type { QueueLog } from '../job-queue.ts';

export interface ChannelListenerOptions {
  /** Opens a connection that keeps its session. The listener ends it. */
  readonly connect: () => Promise<pg.Client>;
  readonly channel: string;
  /** Called for each notification, and when listening begins, because notifications before that were missed. */
  readonly onWake: () => void;
  readonly log: QueueLog | undefined;
}

/** Listens to a channel of NOTIFY until it is closed. */
export interface ChannelListener {
  close(): Promise<void>;
}

const BACKOFF = { firstMs: 250, maxMs: 30_000 };
const END_TIMEOUT_MS = 1000;

/**
 * Listens on one connection of its own, from now on. A broken connection is replaced, after a pause that grows with each failure.
 */
export function createChannelListener({ connect, channel, onWake, log }: ChannelListenerOptions): ChannelListener {
  const closing = new AbortController();

  /** Resolves when the listener is closed; throws when its connection fails. */
  async function listen(_: AbortSignal, works: () => void): Promise<number> {
    const { promise: over, resolve: stop, reject: fail } = Promise.withResolvers<void>();
    over.catch(() => undefined);
    const onAbort = (): void => stop();
    closing.signal.addEventListener('abort', onAbort);
    const connecting = connect();
    try {
      const client = await Promise.race([connecting, over]);
      if (client === undefined) return 0;
      client.on('error', fail);
      client.on('end', () => fail(new AppError('queue_unavailable', 'The server ended the connection.')));
      client.on('notification', () => onWake());
      await Promise.race([client.query(`listen ${client.escapeIdentifier(channel)}`), over]);
      if (closing.signal.aborted) return 0;
      works();
      onWake();
      await over;
      return 0;
    } finally {
      closing.signal.removeEventListener('abort', onAbort);
      // A connection that opens after the end is ended too, and nobody waits for it.
      const ended = connecting.then(end, () => undefined);
      if (!closing.signal.aborted) await ended;
      else await Promise.race([ended, pause(END_TIMEOUT_MS)]);
    }
  }

  const running = repeat(listen, {
    signal: closing.signal,
    backoff: createBackoff(BACKOFF),
    onFailure(error, failures) {
      if (failures === 1)
        log?.warn({ err: error, channel }, 'not listening to the queue; polling until that works again');
    },
    onRecovery: () => log?.info({ channel }, 'listening to the queue again'),
  });
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** Ends the connection properly, but does not wait long for a server that may be out of reach. */
async function end(client: pg.Client): Promise<void> {
  const timeout = setTimeout(() => client.connection.stream.destroy(), END_TIMEOUT_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timeout);
}
