import { describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { openSqs, SQS } from './drivers.ts';
import { jobQueueTests } from './job-queue-tests.ts';

it('is a queue of another service, whose messages need a relay, before anything answers there', async () => {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const queue = openSqs(
    { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', credentials },
    'http://127.0.0.1:1/1/jobs',
  );
  expect(queue).toMatchObject({ kind: 'sqs', relayed: true });
});

describe.each(await containerSuites([SQS]))('$name', jobQueueTests);
