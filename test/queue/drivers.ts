import { randomUUID } from 'node:crypto';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createDatabase, createQueueTable, type Database, newId, QUEUE_CHANNEL, submitJob } from '@qwen-edit/db';
import {
  createPostgresQueue,
  createSqsQueue,
  type JobQueue,
  type OutgoingMessage,
  type PostgresQueueOptions,
  type SqsQueueOptions,
} from '@qwen-edit/queue';
import { onTestFinished } from 'vitest';
import { type TestServer, useServer } from '../db/harness.ts';
import { newJob, PLAIN } from '../db/jobs.ts';
import { serviceAddress } from '../services.ts';
import type { AwsAddress } from '../setup/start-services.ts';

/** An empty queue for one test. */
export interface Place {
  /** One more user of the queue; closed when the test is over. */
  open(visibilityMs?: number): JobQueue;
  /** Messages to send, of jobs that are queued but not yet in the queue. */
  messages(count: number): Promise<readonly OutgoingMessage[]>;
  /** What waiting.ts needs to open it in a process of its own. */
  readonly address: readonly string[];
}

export interface SqsPlace extends Place {
  readonly url: string;
  readonly client: SQSClient;
}

/** One kind of queue. */
export interface OpenedQueue {
  /** To be called within a test. */
  place(): Promise<Place>;
  /** A queue that is not there. */
  lost(): JobQueue;
  close(): Promise<void>;
}

export interface QueueDriver {
  readonly name: string;
  readonly kind: JobQueue['kind'];
  readonly start: () => Promise<OpenedQueue>;
}

export const VISIBILITY_MS = 2000;
/** Longer than any test: a receiver of the Postgres queue that wakes was notified, or knew the time. */
const POLL_MS = 600_000;

export const EMBEDDED: QueueDriver = {
  name: 'Postgres',
  kind: 'postgres',
  start: async () => onServer(useServer(await serviceAddress('embedded-postgres'))),
};

export const POSTGRES: QueueDriver = {
  name: 'Postgres 17 in a container',
  kind: 'postgres',
  start: async () => onServer(useServer(await serviceAddress('postgres'))),
};

export const SQS: QueueDriver = {
  name: 'SQS on LocalStack',
  kind: 'sqs',
  async start() {
    const aws = await serviceAddress('localstack');
    return {
      place: () => sqsPlace(aws),
      lost: () => openSqs(aws, `${aws.endpoint}/000000000000/none`),
      close: async () => undefined,
    };
  },
};

function onServer(server: TestServer): OpenedQueue {
  return {
    async place() {
      const url = await server.freshUrl();
      const database = connect(url);
      return {
        open: (hideMs = VISIBILITY_MS) => openPostgres(database, { hideMs }),
        messages: (count) => hiddenJobs(database, count),
        address: ['postgres', url],
      };
    },
    lost() {
      const url = 'postgres://nobody@127.0.0.1:1/none';
      return openPostgres(connect(url));
    },
    close: server.close,
  };
}

export function connect(url: string): Database {
  const database = createDatabase({ url });
  onTestFinished(() => database.close());
  return database;
}

export function openPostgres(database: Database, options: Partial<PostgresQueueOptions> = {}): JobQueue {
  const table = createQueueTable(database.db);
  return closing(
    createPostgresQueue({
      table,
      connect: () => database.openDirect('qwen-edit queue'),
      channel: QUEUE_CHANNEL,
      hideMs: VISIBILITY_MS,
      pollMs: POLL_MS,
      ...options,
    }),
  );
}

/** Queued jobs that their queue does not show: as if they had just been released for a long time. */
async function hiddenJobs(database: Database, count: number): Promise<readonly OutgoingMessage[]> {
  const jobs = Array.from({ length: count }, () => newJob());
  for (const job of jobs) await submitJob(database, job, PLAIN);
  await database.pool.query("update jobs set visible_at = 'infinity' where visible_at < 'infinity'");
  return jobs.map(({ id, owner }) => ({ jobId: id, owner }));
}

export async function sqsPlace(aws: AwsAddress, attributes: Record<string, string> = {}): Promise<SqsPlace> {
  const client = sqsClient(aws);
  onTestFinished(() => client.destroy());
  const QueueName = `q-${randomUUID()}${attributes.FifoQueue === undefined ? '' : '.fifo'}`;
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName, Attributes: attributes }));
  return {
    url: QueueUrl,
    client,
    open: (visibilityMs = VISIBILITY_MS) => openSqs(aws, QueueUrl, { visibilityMs }),
    messages: (count) =>
      Promise.resolve(Array.from({ length: count }, () => ({ jobId: newId('job'), owner: 'an owner' }))),
    address: ['sqs', QueueUrl, aws.endpoint, aws.region, aws.credentials.accessKeyId, aws.credentials.secretAccessKey],
  };
}

export function openSqs(aws: AwsAddress, queueUrl: string, options: Partial<SqsQueueOptions> = {}): JobQueue {
  const { endpoint, region, credentials } = aws;
  return closing(createSqsQueue({ queueUrl, endpoint, region, credentials, visibilityMs: VISIBILITY_MS, ...options }));
}

function sqsClient({ endpoint, region, credentials }: AwsAddress): SQSClient {
  return new SQSClient({ endpoint, region, credentials });
}

function closing(queue: JobQueue): JobQueue {
  onTestFinished(() => queue.close());
  return queue;
}
