import { setTimeout as sleep } from 'node:timers/promises';
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

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** If the other end of a connection vanishes without a sign, that is noticed about 10 s after this. */
const KEEP_ALIVE_MS = 10_000;
const END_TIMEOUT_MS = 1000;

/**
 * Listens on one connection of its own, from now on. A broken connection is replaced, after a pause that grows with each failure.
 */
export function createChannelListener({ url, channel, onWake, log }: ChannelListenerOptions): ChannelListener {
  const closing = new AbortController();

  async function run(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      try {
        await listen(() => {
          if (failures > 0) log?.info({ channel }, 'listening to the queue again');
          failures = 0;
        });
      } catch (error) {
        if (failures === 0)
          log?.warn({ err: error, channel }, 'not listening to the queue; polling until that works again');
        failures++;
        await sleep(pauseMs(failures), undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  /** Resolves when the listener is closed; throws when its connection fails. */
  async function listen(onListening: () => void): Promise<void> {
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
      if (closing.signal.aborted) return;
      onListening();
      onWake();
      await over;
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

  const running = run();
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

/** Doubles with each failure, less a random part of up to a half, so that not all listeners return to a restarted server at once. */
function pauseMs(failures: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 16));
  return longest * (1 - Math.random() / 2);
}
