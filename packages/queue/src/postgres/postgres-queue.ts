import { AppError } from '@qwen-edit/contract';
import type { JobQueue, QueueLog } from '../job-queue.ts';
import { createListener, type Listener } from './listener.ts';
import type { QueueTable } from './queue-table.ts';
import { createRounds } from './rounds.ts';

export interface PostgresQueueOptions {
  readonly table: QueueTable;
  /** Where to LISTEN, on one connection beside the table's own: postgres://user:password@host:port/name */
  readonly url: string;
  /** The channel that submissions and transitions notify. */
  readonly channel: string;
  /** How long a received message stays hidden. A claim takes milliseconds, so this only has to cover a slow one. */
  readonly hideMs: number;
  /** How long a message can be overlooked whose notification was lost; 5 s unless told. */
  readonly pollMs?: number;
  readonly log?: QueueLog;
}

const POLL_MS = 5000;

/**
 * The jobs table as the queue: a queued job is its own message, so none can be lost, and a message whose job has changed its
 * state since it was received is void. Waiting receivers share one listening connection and cost a statement or two every
 * `pollMs`. Source: SELECT (SKIP LOCKED) and NOTIFY in the PostgreSQL documentation.
 */
export function createPostgresQueue({ table, url, channel, hideMs, pollMs, log }: PostgresQueueOptions): JobQueue {
  const rounds = createRounds({ table, hideMs, pollMs: pollMs ?? POLL_MS, log });
  let listener: Listener | undefined;
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
      // Who only sends needs no listener.
      if (closed === undefined) listener ??= createListener({ url, channel, onWake: rounds.wake, log });
      return guard(rounds.receive(options));
    },
    extend: (message, ms) => guard(table.hide(message, ms)),
    ack: (message) => guard(table.hide(message, undefined)),
    release: (message, delayMs) => guard(table.show(message, delayMs)),
    depth: () => Promise.resolve(undefined),
    async check() {
      await guard(table.nextVisibleMs());
    },
    close() {
      closed ??= Promise.all([rounds.close(), listener?.close()]).then(() => undefined);
      return closed;
    },
  };
}

/** Says that it is the queue that cannot be used, where the database says so of itself. */
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
