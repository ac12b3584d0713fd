import { timeLimit } from '@qwen-edit/async';
import type { JobMessage } from '@qwen-edit/queue';
import type { WorkerDeps } from './deps.ts';

/** What is done with a message: it is deleted, left alone, or delivered again after so many milliseconds. */
export type Settlement = 'ack' | 'leave' | number;

/**
 * Settles a message. Never rejects: a message that could not be settled is delivered again by itself, and the claim then finds
 * out what is to be done.
 */
export async function settleMessage(
  { queue, log, options }: Pick<WorkerDeps, 'queue' | 'log' | 'options'>,
  message: JobMessage,
  settlement: Settlement,
): Promise<void> {
  if (settlement === 'leave') return;
  // If the database is the queue, a job is its own message, and one that is final or another's is no message any more.
  if (settlement === 'ack' && !queue.relayed) return;
  const settle = (): Promise<void> => (settlement === 'ack' ? queue.ack(message) : queue.release(message, settlement));
  await timeLimit(settle, { ms: options.answerMs, late: 'queue_unavailable' }).catch(() => {
    log.warn({ job_id: message.jobId }, 'a message could not be settled, it will come again');
  });
}
