import { describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { connect, openPostgres, POSTGRES } from './drivers.ts';
import { jobQueueTests } from './job-queue-tests.ts';

it('is the jobs table, whose messages need no relay, before anything answers there', async () => {
  const url = 'postgres://nobody@127.0.0.1:1/none';
  expect(openPostgres(connect(url))).toMatchObject({ kind: 'postgres', relayed: false });
});

describe.each(await containerSuites([POSTGRES]))('$name', jobQueueTests);
