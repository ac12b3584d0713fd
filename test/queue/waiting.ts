// Receives one message, tells its job, is closed while it waits for another, and then has nothing left to live for:
// node waiting.ts postgres URL | sqs URL ENDPOINT REGION KEY SECRET
import { createDatabase, createQueueTable, QUEUE_CHANNEL } from '@qwen-edit/db';
import { createPostgresQueue, createSqsQueue, type JobQueue } from '@qwen-edit/queue';

const [kind, url = '', endpoint = '', region = '', accessKeyId = '', secretAccessKey = ''] = process.argv.slice(2);

function open(): { queue: JobQueue; closeRest: () => Promise<void> } {
  if (kind === 'sqs') {
    const options = { endpoint, region, credentials: { accessKeyId, secretAccessKey }, visibilityMs: 30_000 };
    return { queue: createSqsQueue({ queueUrl: url, ...options }), closeRest: () => Promise.resolve() };
  }
  const database = createDatabase({ url });
  const table = createQueueTable(database.db);
  const queue = createPostgresQueue({
    table,
    connect: () => database.openDirect('qwen-edit queue'),
    channel: QUEUE_CHANNEL,
    hideMs: 30_000,
  });
  return { queue, closeRest: () => database.close() };
}

const { queue, closeRest } = open();
const { signal } = new AbortController();
const [message] = await queue.receive({ max: 1, waitMs: 60_000, signal });
const waiting = queue.receive({ max: 1, waitMs: 600_000, signal });
setTimeout(() => queue.close(), 200);
const left = await waiting;
await closeRest();
process.stdout.write(JSON.stringify({ jobId: message?.jobId, left: left.length }));
