export { createQueue, type QueueDeps } from './create-queue.ts';
export type { JobMessage, JobQueue, OutgoingMessage, QueueLog, ReceiveOptions } from './job-queue.ts';
export { createPostgresQueue, type PostgresQueueOptions } from './postgres/postgres-queue.ts';
export type { QueueTable, TableMessage } from './postgres/queue-table.ts';
export { describeSqsQueue, type SqsFacts } from './sqs/describe-queue.ts';
export type { SqsQueueOptions } from './sqs/sqs-client.ts';
export { createSqsQueue } from './sqs/sqs-queue.ts';
