import type { JobMessage } from '@qwen-edit/queue';
import type { WorkerDeps } from './deps.ts';
import { answerWithin } from './pause.ts';

/**
 * Deletes a message, shows it again after a delay in milliseconds, or leaves it alone. Never rejects: a message that could not
 * be settled comes back by itself, and claiming finds out what is to be done.
 */
export async function settleMessage(
  { queue, log, options }: Pick<WorkerDeps, 'queue' | 'log' | 'options'>,
  message: JobMessage,
  how: 'ack' | 'leave' | number,
): Promise<void> {
  if (how === 'leave') return;
  // Where the database is the queue, a job is its own message: one that is final or another's is no message any more.
  if (how === 'ack' && !queue.relayed) return;
  const settled = how === 'ack' ? queue.ack(message) : queue.release(message, how);
  const { signal } = new AbortController();
  await answerWithin(settled, { ms: options.answerMs, signal, code: 'queue_unavailable' }).catch(() => {
    log.warn({ job_id: message.jobId }, 'a message could not be settled, it will come again');
  });
}
