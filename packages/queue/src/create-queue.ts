import { AppError } from '@qwen-edit/contract';
import type { JobQueue, QueueLog } from './job-queue.ts';
import { createPostgresQueue, type PostgresQueueOptions } from './postgres/postgres-queue.ts';
import { createSqsQueue, type SqsQueueOptions } from './sqs/sqs-queue.ts';

export interface QueueDeps {
  /** Used where the URL is `postgres:`. */
  readonly postgres: Omit<PostgresQueueOptions, 'log'>;
  /** Used where the URL is that of an SQS queue. */
  readonly sqs: Omit<SqsQueueOptions, 'queueUrl' | 'setting' | 'log'>;
  /** The variable that the URL comes from, for hints; QUEUE_URL unless told. */
  readonly setting?: string;
  readonly log?: QueueLog;
}

/**
 * The queue that a QUEUE_URL names: `postgres:`, or the http or https URL of an SQS queue, which ends in its account and
 * name. Nothing is connected yet: `check` does that. Throws AppError `usage`.
 */
export function createQueue(url: string, { postgres, sqs, setting = 'QUEUE_URL', log }: QueueDeps): JobQueue {
  const logging = log === undefined ? {} : { log };
  if (url === 'postgres:') return createPostgresQueue({ ...postgres, ...logging });
  const [, ...path] = parse(url)?.pathname.split('/') ?? [];
  if (path.length >= 2 && !path.includes('')) return createSqsQueue({ ...sqs, ...logging, queueUrl: url, setting });
  // The address is not repeated: by mistake it may hold credentials.
  throw new AppError('usage', `${setting} names no queue.`, {
    hint: `Set ${setting} to postgres: (the database is the queue), or to the URL of an SQS queue, as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.`,
  });
}

function parse(url: string): URL | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed !== undefined && /^https?:$/.test(parsed.protocol) ? parsed : undefined;
}
