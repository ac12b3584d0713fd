import { AppError } from '@qwen-edit/contract';
import type { JobMessage, QueueLog, ReceiveOptions } from '../job-queue.ts';
import type { QueueTable, Receivers, TableMessage } from './queue-table.ts';

export interface PollerOptions {
  readonly table: QueueTable;
  readonly hideMs: number;
  /** If a notification is lost, its message is found within this time. */
  readonly pollMs: number;
  readonly log: QueueLog | undefined;
}

/** Receives messages for all receivers of a process. */
export interface Poller {
  receive(options: ReceiveOptions): Promise<readonly JobMessage[]>;
  /** To be called when a message may have become visible. */
  wake(): void;
  /** Ends all receivers; resolves when no statement is running. */
  close(): Promise<void>;
}

interface Receiver {
  readonly max: number;
  readonly workerId: string | undefined;
  /** Its time is over; it only waits for the end of the first poll that looks for it. */
  late: boolean;
  looked: boolean;
  settle(messages: readonly JobMessage[]): void;
  fail(error: unknown): void;
}

/**
 * The shortest pause before the next poll. A message may be due but locked by another transaction, and without a pause this would
 * ask for it in a tight loop.
 */
const SHORTEST_MS = 100;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Polls the table for all receivers of this process: one statement serves all that wait, after something woke it, and none is sent
 * while nobody waits.
 */
export function createPoller({ table, hideMs, pollMs, log }: PollerOptions): Poller {
  const waiting = new Set<Receiver>();
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;
  let woken = false;
  let closed = false;

  function wake(): void {
    if (waiting.size === 0) return;
    woken = true;
    working ??= work();
  }

  async function work(): Promise<void> {
    clearTimeout(timer);
    let pauseMs = pollMs;
    while (woken && waiting.size > 0) {
      woken = false;
      pauseMs = await poll();
    }
    if (waiting.size > 0) timer = setTimeout(wake, pauseMs);
    // This happens in the same turn as the end of the loop; otherwise a wake in between would be lost.
    working = undefined;
  }

  /** Takes messages for all that wait. Returns how long to pause before the next poll. */
  async function poll(): Promise<number> {
    const receivers = [...waiting];
    try {
      const max = receivers.reduce((sum, receiver) => sum + receiver.max, 0);
      const workers = workersOf(receivers);
      await handOut(await table.take({ max, hideMs, workers }));
      for (const receiver of receivers) {
        receiver.looked = true;
        if (receiver.late) receiver.settle([]);
      }
      if (waiting.size === 0 || woken) return pollMs;
      const nextMs = (await table.nextVisibleMs(workers)) ?? pollMs;
      return Math.min(pollMs, Math.max(SHORTEST_MS, Math.ceil(nextMs) + 1));
    } catch (thrown) {
      for (const receiver of waiting) receiver.fail(thrown);
      return pollMs;
    }
  }

  async function handOut(taken: readonly TableMessage[]): Promise<void> {
    const left = new Set(taken);
    for (const { max, workerId, settle } of waiting) {
      const mine = [...left].filter(({ leftBy }) => workerId === undefined || !leftBy.includes(workerId)).slice(0, max);
      for (const message of mine) left.delete(message);
      if (mine.length > 0) settle(mine.map(({ jobId, receipt }) => ({ jobId, receipt, receiveCount: 1 })));
    }
    // Their receivers have gone meanwhile, or are served.
    for (const message of left) {
      await table.show(message, 0).catch((error: unknown) => {
        log?.warn({ err: error, job_id: message.jobId, hidden_ms: hideMs }, 'a message stays hidden for a while');
      });
    }
  }

  function receive({ max, waitMs, signal, workerId }: ReceiveOptions): Promise<readonly JobMessage[]> {
    if (closed) return Promise.reject(new AppError('queue_unavailable', 'The queue was closed.'));
    if (signal.aborted) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(receiver);
        clearTimeout(deadline);
        signal.removeEventListener('abort', onAbort);
        if (waiting.size === 0) clearTimeout(timer);
      };
      const receiver: Receiver = {
        max,
        workerId,
        late: false,
        looked: false,
        settle(messages) {
          leave();
          resolve(messages);
        },
        fail(error) {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => receiver.settle([]);
      const deadline = setTimeout(
        () => {
          receiver.late = true;
          if (receiver.looked) receiver.settle([]);
        },
        Math.min(waitMs, LONGEST_TIMER_MS),
      );
      signal.addEventListener('abort', onAbort);
      waiting.add(receiver);
      wake();
    });
  }

  return {
    receive,
    wake,
    async close() {
      closed = true;
      for (const receiver of waiting) receiver.settle([]);
      await working;
    },
  };
}

function workersOf(receivers: readonly Receiver[]): Receivers {
  const ids = receivers.flatMap(({ workerId }) => workerId ?? []);
  return ids.length === receivers.length ? ids : undefined;
}
