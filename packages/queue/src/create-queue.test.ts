import { expect, it } from 'vitest';
import { createQueue, type QueueDeps } from './create-queue.ts';

const nothing = () => Promise.reject(new Error('not to be called'));
const deps: QueueDeps = {
  postgres: {
    table: { take: nothing, hide: nothing, show: nothing, send: nothing, nextVisibleMs: nothing },
    connect: undefined,
    channel: 'any',
    hideMs: 1000,
  },
  sqs: { visibilityMs: 1000, region: 'us-east-1' },
};

it.each([
  ['postgres:', 'postgres', false],
  ['https://sqs.eu-west-1.amazonaws.com/123456789012/jobs', 'sqs', true],
  ['http://localhost:4566/queue/us-east-1/000000000000/jobs.fifo', 'sqs', true],
])('%s is a queue of its kind', async (url, kind, relayed) => {
  const queue = createQueue(url, deps);
  expect(queue).toMatchObject({ kind, relayed });
  await queue.close();
});

it.each([
  '',
  'postgres',
  'postgres://host/db',
  'https://sqs.eu-west-1.amazonaws.com/',
  'ftp://host/1/jobs',
  'https://h/1/',
])('an address that names no queue is refused and not repeated: %s', (url) => {
  const refused = expect.objectContaining({ code: 'usage', hint: expect.stringContaining('QUEUE_DLQ_URL') });
  expect(() => createQueue(url, { ...deps, setting: 'QUEUE_DLQ_URL' })).toThrow(refused);
});
