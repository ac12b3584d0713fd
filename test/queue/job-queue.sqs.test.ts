import { describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { SQS } from './drivers.ts';
import { jobQueueTests } from './job-queue-tests.ts';

it('is a queue of its own kind', () => {
  expect(SQS.kind).toBe('sqs');
});

describe.each(await containerSuites([SQS]))('$name', jobQueueTests);
