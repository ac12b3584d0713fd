import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import type { JobQueue, QueueLog } from '../job-queue.ts';
import { type ChannelListener, createChannelListener } from './channel-listener.ts';
import { createPoller } from './poller.ts';
import type { QueueTable } from './queue-table.ts';

export interface PostgresQueueOptions {
  readonly table: QueueTable;
  /**
   * Opens one more connection, which keeps its session, to LISTEN. undefined where there is none, as behind a pooler: the
   * table is polled then, and often.
   */
  readonly connect: (() => Promise<pg.Client>) | undefined;
  /** The channel that submissions and transitions notify. */
  readonly channel: string;
  /** How long a received message stays hidden: longer than a slow claim takes. */
  readonly hideMs: number;
  /** If a notification is lost, its message is found within this time; by default 5 s, and 1 s where nobody listens. */
  readonly pollMs?: number;
  readonly log?: QueueLog;
}

const POLL_MS = 5000;
const DEAF_POLL_MS = 1000;
const AWAY: ReadonlySet<string> = new Set(['database_unavailable', 'database_refused']);

/**
 * The jobs table as the queue. A queued job is its own message, so none can be lost; a message is void if its job has changed its
 * state since it was received. Waiting receivers share one listening connection, and one or two statements every `pollMs`.
 * Source: SELECT (SKIP LOCKED) and NOTIFY in the PostgreSQL documentation.
 */
export function createPostgresQueue({ table, connect, channel, hideMs, pollMs, log }: PostgresQueueOptions): JobQueue {
  const poller = createPoller({
    table,
    hideMs,
    pollMs: pollMs ?? (connect === undefined ? DEAF_POLL_MS : POLL_MS),
    log,
  });
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
      if (closed === undefined && connect !== undefined)
        listener ??= createChannelListener({ connect, channel, onWake: poller.wake, log });
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

/** What the database cannot do for now, the queue cannot, because here the database is the queue. */
async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof AppError && !AWAY.has(thrown.code)) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new AppError('queue_unavailable', `The queue in the database cannot be used: ${reason}`, {
      hint:
        thrown instanceof AppError ? thrown.hint : 'Try again soon; if it stays, check DATABASE_URL and the server.',
      cause: thrown,
    });
  }
}
