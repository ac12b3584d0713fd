import { AppError } from '@qwen-edit/contract';
import type { JobQueue, QueueLog } from './job-queue.ts';
import { createPostgresQueue, type PostgresQueueOptions } from './postgres/postgres-queue.ts';
import type { SqsQueueOptions } from './sqs/sqs-client.ts';
import { createSqsQueue } from './sqs/sqs-queue.ts';

export interface QueueDeps {
  /** Used if the URL is `postgres:`. */
  readonly postgres: Omit<PostgresQueueOptions, 'log'>;
  /** Used if the URL is that of an SQS queue. */
  readonly sqs: Omit<SqsQueueOptions, 'queueUrl' | 'setting' | 'log'>;
  /** The variable that the URL comes from, for hints; QUEUE_URL by default. */
  readonly setting?: string;
  readonly log?: QueueLog;
}

/**
 * The queue that a QUEUE_URL names: `postgres:`, or the http or https URL of an SQS queue, which ends in its account and name.
 * It connects on first use. Throws AppError `usage` if the URL names no queue.
 *
 * @example createQueue('https://sqs.eu-west-1.amazonaws.com/123456789012/jobs', { postgres, sqs })
 */
export function createQueue(url: string, { postgres, sqs, setting = 'QUEUE_URL', log }: QueueDeps): JobQueue {
  const logging = log === undefined ? {} : { log };
  if (url === 'postgres:') return createPostgresQueue({ ...postgres, ...logging });
  const [, ...path] = parse(url)?.pathname.split('/') ?? [];
  if (path.length >= 2 && !path.includes('')) return createSqsQueue({ ...sqs, ...logging, queueUrl: url, setting });
  // The message does not repeat the URL, which may hold credentials by mistake.
  throw new AppError('usage', `${setting} names no queue.`, {
    hint: `Set ${setting} to postgres: (the database is the queue), or to the URL of an SQS queue, as https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.`,
  });
}

function parse(url: string): URL | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed !== undefined && /^https?:$/.test(parsed.protocol) ? parsed : undefined;
}
