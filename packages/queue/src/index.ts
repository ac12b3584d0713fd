export { createQueue, type QueueDeps } from './create-queue.ts';
export type { JobMessage, JobQueue, OutgoingMessage, QueueLog, ReceiveOptions } from './job-queue.ts';
export { createPostgresQueue, type PostgresQueueOptions } from './postgres/postgres-queue.ts';
export type { QueueTable, TableMessage } from './postgres/queue-table.ts';
export { createSqsQueue, type SqsQueueOptions } from './sqs/sqs-queue.ts';
