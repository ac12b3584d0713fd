import { AppError } from '@qwen-edit/contract';
import type { JobQueue, QueueLog } from '../job-queue.ts';
import { type ChannelListener, createChannelListener } from './channel-listener.ts';
import { createPoller } from './poller.ts';
import type { QueueTable } from './queue-table.ts';

export interface PostgresQueueOptions {
  readonly table: QueueTable;
  /** The database to LISTEN at, on one more connection: postgres://user:password@host:port/name */
  readonly url: string;
  /** The channel that submissions and transitions notify. */
  readonly channel: string;
  /** How long a received message stays hidden: longer than a slow claim takes. */
  readonly hideMs: number;
  /** If a notification is lost, its message is found within this time; 5 s by default. */
  readonly pollMs?: number;
  readonly log?: QueueLog;
}

const POLL_MS = 5000;

/**
 * The jobs table as the queue. A queued job is its own message, so none can be lost; a message is void if its job has changed its
 * state since it was received. Waiting receivers share one listening connection, and one or two statements every `pollMs`.
 * Source: SELECT (SKIP LOCKED) and NOTIFY in the PostgreSQL documentation.
 */
export function createPostgresQueue({ table, url, channel, hideMs, pollMs, log }: PostgresQueueOptions): JobQueue {
  const poller = createPoller({ table, hideMs, pollMs: pollMs ?? POLL_MS, log });
  let listener: ChannelListener | undefined;
  let closed: Promise<void> | undefined;

  return {
    kind: 'postgres',
    relayed: false,
    async send(batch, signal) {
      if (signal?.aborted) throw new AppError('canceled', 'Sending was cancelled.', { cause: signal.reason });
      if (batch.length > 0) await guard(table.send(batch.map(({ jobId }) => jobId)));
      return batch.map(() => true);
    },
    async receive(options) {
      // A queue that only sends needs no listener.
      if (closed === undefined) listener ??= createChannelListener({ url, channel, onWake: poller.wake, log });
      return guard(poller.receive(options));
    },
    extend: (message, ms) => guard(table.hide(message, ms)),
    ack: (message) => guard(table.hide(message, undefined)),
    release: (message, delayMs) => guard(table.show(message, delayMs)),
    depth: () => Promise.resolve(undefined),
    async check() {
      await guard(table.nextVisibleMs());
    },
    close() {
      closed ??= Promise.all([poller.close(), listener?.close()]).then(() => undefined);
      return closed;
    },
  };
}

/** Turns `database_unavailable` into `queue_unavailable`, because here the database is the queue. */
async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code !== 'database_unavailable') throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new AppError('queue_unavailable', `The queue in the database cannot be used: ${reason}`, {
      hint: 'Try again soon; if it stays, check DATABASE_URL and the server.',
      cause: thrown,
    });
  }
}
