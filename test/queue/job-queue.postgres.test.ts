import { describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { POSTGRES } from './drivers.ts';
import { jobQueueTests } from './job-queue-tests.ts';

it('is a queue of its own kind', () => {
  expect(POSTGRES.kind).toBe('postgres');
});

describe.each(await containerSuites([POSTGRES]))('$name', jobQueueTests);
