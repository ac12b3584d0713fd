import { expect, it } from 'vitest';
import { runDeadLetters, runReaper } from '../../apps/dispatcher/src/index.ts';
import { requestCancel } from '../../packages/db/src/index.ts';
import { claimOrFail, count, eventTypes, expireLease, OWNER, rawJob, running, submitOrFail } from '../db/jobs.ts';
import { expectConsistent, makePlace, type Place, until } from '../worker/harness.ts';
import { depsOf, HOUR, start } from './harness.ts';
import { createQueueDouble } from './queue-double.ts';

const untilRow = (place: Place, id: string, status: string): Promise<void> =>
  until(async () => (await rawJob(place.database, id))?.status === status);

it('a lost lease goes back to the queue while attempts are left, then fails with worker_lost', async () => {
  const place = await makePlace();
  start(depsOf(place), runReaper);
  const { jobId } = await running(place.database, { maxAttempts: 2 });
  await expireLease(place.database, jobId);
  await untilRow(place, jobId, 'queued');

  await claimOrFail(place.database, jobId);
  await expireLease(place.database, jobId);
  await untilRow(place, jobId, 'failed');
  expect((await rawJob(place.database, jobId))?.error).toMatchObject({ code: 'worker_lost', retryable: true });
  await expectConsistent(place);
});

it('a lost lease of a job that was to be cancelled ends it, and a passed deadline expires it in every state', async () => {
  const place = await makePlace();
  start(depsOf(place), runReaper);
  const { jobId: canceled } = await running(place.database);
  await requestCancel(place.database.db, { owner: OWNER, id: canceled });
  await expireLease(place.database, canceled);
  const deadline = new Date(Date.now() + 300).toISOString();
  const { jobId: late } = await running(place.database, { deadline });
  const waiting = await submitOrFail(place.database, { deadline });

  await untilRow(place, canceled, 'canceled');
  await untilRow(place, late, 'expired');
  await untilRow(place, waiting, 'expired');
  expect((await rawJob(place.database, waiting))?.error).toMatchObject({ code: 'expired' });
  await expectConsistent(place);
});

it('a reaper outlives an outage of the database', async () => {
  const place = await makePlace();
  start(depsOf(place), runReaper);
  place.proxy.cut();
  await until(async () => (await place.metrics.loopErrors.get()).values[0]?.value === 3);
  const { jobId } = await running(place.database);
  await expireLease(place.database, jobId);
  place.proxy.mend();
  await untilRow(place, jobId, 'queued');
  expect(place.lines.filter((line) => line.includes('a loop has failed'))).toHaveLength(1);
});

it('the message of a waiting job that is gone is written anew, once, and only where the queue is nearly empty', async () => {
  const place = await makePlace();
  const queue = createQueueDouble();
  const id = await submitOrFail(place.database);
  await place.database.pool.query(
    `update jobs set created_at = now() - interval '1 hour', run_after = now() - interval '1 hour'`,
  );
  queue.put('job_other');
  start(depsOf(place, { resendMs: HOUR / 2, resendBelow: 1 }, { queue }), runReaper);
  await until(() => queue.asked >= 3);
  expect(await count(place.database, 'outbox')).toBe(0);

  await queue.receive({ max: 1, waitMs: 0, signal: new AbortController().signal });
  await until(async () => (await count(place.database, `outbox where job_id = '${id}'`)) === 1);
  // As if the relay had sent it, and it had been lost again.
  await place.database.pool.query('delete from outbox');
  const before = queue.asked;
  await until(() => queue.asked >= before + 3);
  expect(await count(place.database, 'outbox')).toBe(0);
});

it('dead letters: a running job is left alone, a waiting one is sent again, one that comes back too often is poison', async () => {
  const place = await makePlace();
  const deadLetters = createQueueDouble();
  const { jobId: healthy } = await running(place.database);
  const waiting = await submitOrFail(place.database, {}, { relayed: true });
  await place.database.pool.query('delete from outbox');
  start(depsOf(place, { maxRedrives: 2 }, { deadLetters }), runDeadLetters);

  for (const id of [healthy, waiting, 'job_gone']) deadLetters.put(id);
  await until(() => deadLetters.acked.length === 3);
  expect((await rawJob(place.database, healthy))?.status).toBe('running');
  expect(await count(place.database, `outbox where job_id = '${waiting}'`)).toBe(1);

  deadLetters.put(waiting);
  await untilRow(place, waiting, 'failed');
  expect((await rawJob(place.database, waiting))?.error).toMatchObject({ code: 'poison' });
  expect(await eventTypes(place.database, waiting)).toEqual(['job.queued', 'job.failed']);
  expect(await count(place.database, 'outbox')).toBe(0);
});

it('a job whose lease has run out gets a message anew where its queue may have lost the old one', async () => {
  const place = await makePlace();
  const queue = createQueueDouble();
  const { jobId } = await running(place.database);
  const { jobId: exhausted } = await running(place.database, { maxAttempts: 1 });
  for (const id of [jobId, exhausted]) await expireLease(place.database, id);
  start(depsOf(place, {}, { queue }), runReaper);
  await untilRow(place, jobId, 'queued');
  await untilRow(place, exhausted, 'failed');
  expect(await count(place.database, `outbox where job_id = '${jobId}'`)).toBe(1);
  expect(await count(place.database, 'outbox')).toBe(1);
  await expectConsistent(place);
});

it('a job that waits for very long gets another message also where the queue always has some', async () => {
  const place = await makePlace();
  const queue = createQueueDouble();
  const id = await submitOrFail(place.database);
  await place.database.pool.query(
    `update jobs set created_at = now() - interval '2 days', run_after = now() - interval '2 days'`,
  );
  queue.put('job_other');
  start(depsOf(place, { resendMs: HOUR, resendBelow: 1 }, { queue }), runReaper);
  await until(async () => (await count(place.database, `outbox where job_id = '${id}'`)) === 1);
});
