import { expect, it, onTestFinished } from 'vitest';
import { runDeadLetters, runReaper } from '../../apps/dispatcher/src/index.ts';
import { createDatabase, releaseJob, requestCancel } from '../../packages/db/src/index.ts';
import {
  claimOrFail,
  count,
  ERROR,
  eventTypes,
  expireLease,
  OWNER,
  rawJob,
  running,
  submitOrFail,
  tryClaim,
} from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { startCuttingProxy } from '../worker/cutting-proxy.ts';
import { createEngines, resultWith, untilCanceled } from '../worker/engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  startWorkers,
  submitEdit,
  type TestSetup,
  untilStatus,
} from '../worker/harness.ts';
import { depsOf, HOUR_MS, start } from './harness.ts';
import { createQueueDouble } from './queue-double.ts';

const untilRow = (setup: TestSetup, id: string, status: string): Promise<void> =>
  until(async () => (await rawJob(setup.database, id))?.status === status);

it('a lost lease goes back to the queue while attempts are left, then fails with worker_lost', async () => {
  const setup = await createTestSetup();
  start(depsOf(setup), runReaper);
  const { jobId } = await running(setup.database, { maxAttempts: 2 });
  await expireLease(setup.database, jobId);
  await untilRow(setup, jobId, 'queued');

  await claimOrFail(setup.database, jobId);
  await expireLease(setup.database, jobId);
  await untilRow(setup, jobId, 'failed');
  expect((await rawJob(setup.database, jobId))?.error).toMatchObject({ code: 'worker_lost', retryable: true });
  await expectConsistent(setup);
});

it('a lost lease of a job that was to be cancelled ends it, and a passed deadline expires it in every state', async () => {
  const setup = await createTestSetup();
  start(depsOf(setup), runReaper);
  const { jobId: canceled } = await running(setup.database);
  await requestCancel(setup.database.db, { owner: OWNER, id: canceled });
  await expireLease(setup.database, canceled);
  const { jobId: late } = await running(setup.database);
  const waiting = await submitOrFail(setup.database);
  await setup.database.pool.query('update jobs set deadline_at = now() where id = any ($1)', [[late, waiting]]);

  await untilRow(setup, canceled, 'canceled');
  await untilRow(setup, late, 'expired');
  await untilRow(setup, waiting, 'expired');
  expect((await rawJob(setup.database, waiting))?.error).toMatchObject({ code: 'expired' });
  await expectConsistent(setup);
});

it('a reaper outlives an outage of the database', async () => {
  const setup = await createTestSetup();
  start(depsOf(setup), runReaper);
  setup.proxy.cut();
  await until(async () => (await setup.metrics.loopErrors.get()).values[0]?.value === 3);
  const { jobId } = await running(setup.database);
  await expireLease(setup.database, jobId);
  setup.proxy.mend();
  await untilRow(setup, jobId, 'queued');
  expect(setup.lines.filter((line) => line.includes('a loop has failed'))).toHaveLength(1);
});

it('after an outage a worker gives back the lease that ran out, before the reaper takes it for lost', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks, number }) =>
    number === 1 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  const proxy = await startCuttingProxy(setup.url);
  const database = createDatabase({ url: proxy.url });
  onTestFinished(async () => {
    await database.close();
    await proxy.close();
  });
  startWorkers(setup, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(setup, { maxAttempts: 1 });
  await until(() => engines.seen.edits === 1);
  for (const each of [proxy, setup.proxy]) each.cut();
  // The reaper's patience is longer than this test.
  start(depsOf({ ...setup, workerDatabase: database }, { reapMs: 600_000 }), runReaper);
  await until(() => setup.lines.some((line) => line.includes('a loop has failed')));
  await until(() => engines.seen.canceled === 1);
  // The reaper finds the database first.
  proxy.mend();
  await until(() => setup.lines.some((line) => line.includes('a loop works again')));
  setup.proxy.mend();
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(await eventTypes(setup.database, id)).toEqual([
    ...['job.queued', 'job.started', 'job.released', 'job.started', 'job.succeeded'],
  ]);
});

it('an open job without a deadline, as older versions accepted them, is given one', async () => {
  const setup = await createTestSetup();
  const waiting = await submitOrFail(setup.database);
  const { jobId } = await running(setup.database);
  const own = await submitOrFail(setup.database, { deadline: '2099-01-31T12:00:00Z' });
  await setup.database.pool.query('update jobs set deadline_at = null where id = any ($1)', [[waiting, jobId]]);
  start(depsOf(setup, { deadlineMs: HOUR_MS }), runReaper);
  await until(async () => {
    const rows = await Promise.all([waiting, jobId].map((id) => rawJob(setup.database, id)));
    return rows.every((row) => row?.deadline_at instanceof Date && row.deadline_at.getTime() > Date.now());
  });
  expect((await rawJob(setup.database, own))?.deadline_at).toEqual(new Date('2099-01-31T12:00:00Z'));
});

it('the lost message of a waiting job is written again, once, and only if the queue is nearly empty', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const id = await submitOrFail(setup.database);
  await setup.database.pool.query(
    `update jobs set created_at = now() - interval '1 hour', run_after = now() - interval '1 hour'`,
  );
  queue.put('job_other');
  start(depsOf(setup, { resendMs: HOUR_MS / 2, resendBelow: 1 }, { queue }), runReaper);
  await until(() => queue.depthReads >= 3);
  expect(await count(setup.database, 'outbox')).toBe(0);

  await queue.receive({ max: 1, waitMs: 0, signal: new AbortController().signal });
  await until(async () => (await count(setup.database, `outbox where job_id = '${id}'`)) === 1);
  // As if the relay had sent it, and it had been lost again.
  await setup.database.pool.query('delete from outbox');
  const before = queue.depthReads;
  await until(() => queue.depthReads >= before + 3);
  expect(await count(setup.database, 'outbox')).toBe(0);
});

it('dead letters: a running job is left alone, a waiting one is sent again, one that comes back too often is poison', async () => {
  const setup = await createTestSetup();
  const deadLetters = createQueueDouble();
  const { jobId: healthy } = await running(setup.database);
  const waiting = await submitOrFail(setup.database, {}, { relayed: true });
  await setup.database.pool.query('delete from outbox');
  start(depsOf(setup, { maxRedrives: 2 }, { deadLetters }), runDeadLetters);

  for (const id of [healthy, waiting, 'job_gone']) deadLetters.put(id);
  await until(() => deadLetters.acked.length === 3);
  expect((await rawJob(setup.database, healthy))?.status).toBe('running');
  expect(await count(setup.database, `outbox where job_id = '${waiting}'`)).toBe(1);

  deadLetters.put(waiting);
  await untilRow(setup, waiting, 'failed');
  expect((await rawJob(setup.database, waiting))?.error).toMatchObject({ code: 'poison' });
  expect(await eventTypes(setup.database, waiting)).toEqual(['job.queued', 'job.failed']);
  expect(await count(setup.database, 'outbox')).toBe(0);
});

it('a job that workers look at and give back is no poison, however often its message comes out of the dead-letter queue', async () => {
  const setup = await createTestSetup();
  const deadLetters = createQueueDouble();
  const id = await submitOrFail(setup.database, {}, { relayed: true });
  const later = await submitOrFail(setup.database, {}, { relayed: true });
  await setup.database.pool.query(`update jobs set run_after = now() + interval '1 hour' where id = $1`, [later]);
  start(depsOf(setup, { maxRedrives: 2 }, { deadLetters }), runDeadLetters);
  for (let round = 1; round <= 4; round++) {
    for (const each of [id, later]) deadLetters.put(each);
    await until(() => deadLetters.acked.length === 2 * round);
    const { lease } = await claimOrFail(setup.database, id);
    await releaseJob(setup.database.db, lease, ERROR);
    expect((await tryClaim(setup.database, later)).outcome).toBe('later');
  }
  expect(await rawJob(setup.database, id)).toMatchObject({ status: 'queued', failures: 0, attempt: 4 });
  expect(await rawJob(setup.database, later)).toMatchObject({ status: 'queued', attempt: 0 });
});

it('a job whose lease has run out gets a new message if its queue may have lost the old one', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const { jobId } = await running(setup.database);
  const { jobId: exhausted } = await running(setup.database, { maxAttempts: 1 });
  for (const id of [jobId, exhausted]) await expireLease(setup.database, id);
  start(depsOf(setup, {}, { queue }), runReaper);
  await untilRow(setup, jobId, 'queued');
  await untilRow(setup, exhausted, 'failed');
  expect(await count(setup.database, `outbox where job_id = '${jobId}'`)).toBe(1);
  expect(await count(setup.database, 'outbox')).toBe(1);
  await expectConsistent(setup);
});

it('a job that waits for very long gets another message even if the queue always has some', async () => {
  const setup = await createTestSetup();
  const queue = createQueueDouble();
  const id = await submitOrFail(setup.database);
  await setup.database.pool.query(
    `update jobs set created_at = now() - interval '2 days', run_after = now() - interval '2 days'`,
  );
  queue.put('job_other');
  start(depsOf(setup, { resendMs: HOUR_MS, resendBelow: 1 }, { queue }), runReaper);
  await until(async () => (await count(setup.database, `outbox where job_id = '${id}'`)) === 1);
});
