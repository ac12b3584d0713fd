import { repeat } from '@qwen-edit/async';
import { nextVisibleMs } from '@qwen-edit/db';
import type { JobMessage } from '@qwen-edit/queue';
import type { WorkerDeps } from './deps.ts';
import { workerBackoff } from './fenced-statement.ts';

type FirstJobDeps = Pick<WorkerDeps, 'database' | 'queue' | 'options' | 'random'>;

/**
 * For a worker without an engine: takes the message of a job that nobody else has taken for `wakeMs`, so that a job which comes while
 * a loaded worker is idle starts no other engine. undefined if there is none now. Rejects if the database or the queue fail.
 */
export async function receiveForgotten(
  { database, queue, options }: FirstJobDeps,
  signal: AbortSignal,
): Promise<JobMessage | undefined> {
  const nextMs = await nextVisibleMs(database.db, options.contractVersion);
  if (nextMs === undefined || nextMs > -options.wakeMs) return undefined;
  // Of SQS nobody knows whether the message is free: it is asked for a moment only.
  const [message] = await queue.receive({ max: 1, waitMs: options.wakeMs, signal });
  return message;
}

/** Keeps a message from others while `work` goes on, which may take minutes. If the queue fails meanwhile, another may receive it. */
export async function holdMessage<T>(
  { queue, options, random }: FirstJobDeps,
  message: JobMessage,
  work: () => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const extend = async (): Promise<number> => {
    await queue.extend(message, options.leaseMs);
    return options.heartbeatMs;
  };
  const holding = repeat(extend, {
    signal: ended.signal,
    backoff: workerBackoff({ options, random }),
    onFailure: () => undefined,
  });
  try {
    return await work();
  } finally {
    ended.abort();
    await holding;
  }
}
