import { createBackoff, repeat } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import type { QueueLog } from '../job-queue.ts';

export interface ChannelListenerOptions {
  /** postgres://user:password@host:port/name */
  readonly url: string;
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
const CONNECT_TIMEOUT_MS = 10_000;
/** If the other end of a connection vanishes without a sign, that is noticed about 10 s after this. */
const KEEP_ALIVE_MS = 10_000;
const END_TIMEOUT_MS = 1000;

/**
 * Listens on one connection of its own, from now on. A broken connection is replaced, after a pause that grows with each failure.
 */
export function createChannelListener({ url, channel, onWake, log }: ChannelListenerOptions): ChannelListener {
  const closing = new AbortController();

  /** Resolves when the listener is closed; throws when its connection fails. */
  async function listen(_: AbortSignal, works: () => void): Promise<number> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'qwen-edit queue',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    });
    const { promise: over, resolve: stop, reject: fail } = Promise.withResolvers<void>();
    over.catch(() => undefined);
    client.on('error', fail);
    client.on('end', () => fail(new AppError('queue_unavailable', 'The server ended the connection.')));
    const onAbort = (): void => stop();
    closing.signal.addEventListener('abort', onAbort);
    try {
      await Promise.race([begin(client), over]);
      if (closing.signal.aborted) return 0;
      works();
      onWake();
      await over;
      return 0;
    } finally {
      closing.signal.removeEventListener('abort', onAbort);
      await end(client);
    }
  }

  async function begin(client: pg.Client): Promise<void> {
    await client.connect();
    client.on('notification', () => onWake());
    await client.query(`listen ${client.escapeIdentifier(channel)}`);
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
