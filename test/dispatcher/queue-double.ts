import type { JobMessage, JobQueue, OutgoingMessage } from '../../packages/queue/src/index.ts';

/** A queue in this process, outside the database, whose faults a test chooses. */
export interface QueueDouble extends JobQueue {
  /** Ids of jobs in the order in which they were sent; a job that is sent twice is in it twice. */
  readonly sent: string[];
  readonly acked: string[];
  /** Whether the queue takes a message. It takes all of them unless a test says otherwise. */
  take: (message: OutgoingMessage) => boolean;
  put(jobId: string): void;
  /** How many times the depth was read. */
  depthReads: number;
}

export function createQueueDouble(): QueueDouble {
  const waiting: JobMessage[] = [];
  const queue: QueueDouble = {
    kind: 'sqs',
    relayed: true,
    sent: [],
    acked: [],
    depthReads: 0,
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
      queue.depthReads++;
      return waiting.length;
    },
    check: async () => undefined,
    close: async () => undefined,
  };
  return queue;
}
