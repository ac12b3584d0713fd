import { describe } from 'vitest';
import { EMBEDDED } from './drivers.ts';
import { jobQueueTests } from './job-queue-tests.ts';

describe(EMBEDDED.name, () => jobQueueTests(EMBEDDED));
