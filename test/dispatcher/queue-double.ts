import type { JobMessage, JobQueue, OutgoingMessage } from '../../packages/queue/src/index.ts';

/** A queue beside the database, in this process, whose faults are scripted. */
export interface QueueDouble extends JobQueue {
  /** Ids of jobs in the order of their sending, each time. */
  readonly sent: string[];
  readonly acked: string[];
  /** What is said about each message; everything is taken unless a test says otherwise. */
  take: (message: OutgoingMessage) => boolean;
  put(jobId: string): void;
  /** How often its depth was asked for. */
  asked: number;
}

export function createQueueDouble(): QueueDouble {
  const waiting: JobMessage[] = [];
  const queue: QueueDouble = {
    kind: 'sqs',
    relayed: true,
    sent: [],
    acked: [],
    asked: 0,
    take: () => true,
    put: (jobId) => void waiting.push({ jobId, receiveCount: 1, receipt: jobId }),
    async send(batch) {
      const taken = batch.map((message) => queue.take(message));
      queue.sent.push(...batch.filter((_, i) => taken[i]).map(({ jobId }) => jobId));
      return taken;
    },
    async receive({ max, signal }) {
      while (waiting.length === 0 && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      return signal.aborted ? [] : waiting.splice(0, max);
    },
    extend: async () => undefined,
    ack: async ({ jobId }) => void queue.acked.push(jobId),
    release: async ({ jobId }) => queue.put(jobId),
    async depth() {
      queue.asked++;
      return waiting.length;
    },
    check: async () => undefined,
    close: async () => undefined,
  };
  return queue;
}
