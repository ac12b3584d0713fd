import { describe, expect, it } from 'vitest';
import {
  cancelRunningJob,
  claimJob,
  expireJobs,
  failJob,
  heartbeat,
  newToken,
  readEvents,
  readJob,
  readLeaseState,
  reapLeases,
  recordPreview,
  recordProgress,
  releaseJob,
  requestCancel,
  retryJob,
  succeedJob,
  unknownKeys,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import {
  atOnce,
  claimOrFail,
  count,
  ERROR,
  eventTypes,
  expireLease,
  HOUR,
  OWNER,
  rawJob,
  running,
  submitOrFail,
  successOf,
  tryClaim,
} from './jobs.ts';

const past = (): string => new Date(Date.now() - 1000).toISOString();
const HOOK = 'https://example.com/hook';

describe('success', () => {
  it('brings the results, their event and the promise of a webhook, together', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { webhookUrl: HOOK });
    const result = { ...successOf(lease, 2), warnings: ['small'], timings: { denoise: 1.25 } };
    expect(await succeedJob(database.db, lease, result)).toBe(true);
    const record = await readJob(database.db, { id: lease.jobId, owner: OWNER });
    expect(record?.job).toMatchObject({
      status: 'succeeded',
      seed: '7',
      warnings: ['small'],
      receipt: { model: 'demo' },
      timings: { denoise: 1.25 },
      leaseToken: null,
      error: null,
    });
    expect(record?.outputs.map(({ key, bytes, position }) => ({ key, bytes, position }))).toEqual(
      result.outputs.map(({ key, bytes }, position) => ({ key, bytes, position })),
    );
    const events = await readEvents(database.db, lease.jobId, 2, 10);
    expect(events).toMatchObject([{ seq: 3, type: 'job.succeeded', data: { seed: '7', outputs: 2 } }]);
    expect(
      await unknownKeys(
        database.db,
        result.outputs.map(({ key }) => key),
      ),
    ).toEqual([]);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('told again, because its answer was lost, is still success and adds nothing', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { webhookUrl: HOOK });
    const result = successOf(lease, 2);
    const first = await atOnce(5, () => succeedJob(database.db, lease, result));
    const before = await rawJob(database, lease.jobId);
    expect(first).toEqual(Array(5).fill(true));
    expect(await succeedJob(database.db, lease, result)).toBe(true);
    expect(await rawJob(database, lease.jobId)).toEqual(before);
    expect(await count(database, 'assets')).toBe(2);
    expect(await count(database, 'webhook_deliveries')).toBe(1);
  });

  it('after failed attempts leaves no error', async () => {
    const database = await freshDatabase();
    const first = await running(database);
    await retryJob(database.db, first, { error: ERROR, delayMs: 0 });
    expect(await rawJob(database, first.jobId)).toMatchObject({ status: 'queued', error: ERROR });
    const { lease } = await claimOrFail(database, first.jobId);
    await succeedJob(database.db, lease, successOf(lease));
    expect(await rawJob(database, first.jobId)).toMatchObject({ error: null, failures: 1, attempt: 2 });
  });
});

describe('failure', () => {
  it('for good ends the job, with its reason in the row and in the event', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { webhookUrl: HOOK });
    expect(await failJob(database.db, lease, ERROR)).toBe(true);
    expect(await rawJob(database, lease.jobId)).toMatchObject({ status: 'failed', error: ERROR, failures: 1 });
    expect(await readEvents(database.db, lease.jobId, 2, 9)).toMatchObject([
      { type: 'job.failed', data: { error: ERROR } },
    ]);
    expect(await count(database, 'webhook_deliveries')).toBe(1);
  });

  it('that may pass is tried again, as often as there are attempts, and then for good', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { maxAttempts: 3 });
    const outcomes = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const { lease } = await claimOrFail(database, id);
      outcomes.push(await retryJob(database.db, lease, { error: ERROR, delayMs: 0 }));
    }
    expect(outcomes).toEqual(['queued', 'queued', 'failed']);
    expect(await rawJob(database, id)).toMatchObject({ status: 'failed', failures: 3, attempt: 3 });
    expect(await tryClaim(database, id)).toEqual({ outcome: 'done' });
    expect(await eventTypes(database, id)).toEqual([
      'job.queued',
      ...['job.started', 'job.retrying', 'job.started', 'job.retrying', 'job.started', 'job.failed'],
    ]);
  });

  it('of a job that was asked to stop is its cancellation', async () => {
    const database = await freshDatabase();
    const lease = await running(database);
    await requestCancel(database.db, { owner: OWNER, id: lease.jobId });
    expect(await retryJob(database.db, lease, { error: ERROR, delayMs: 0 })).toBe('canceled');
    expect(await rawJob(database, lease.jobId)).toMatchObject({ status: 'canceled', error: null, failures: 0 });
  });
});

describe('giving a job back', () => {
  it('lets another worker begin it at once, and counts no failure, however often', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { maxAttempts: 1 });
    for (let round = 0; round < 3; round++) {
      const { lease } = await claimOrFail(database, id);
      expect(await releaseJob(database.db, lease)).toBe('queued');
    }
    expect((await claimOrFail(database, id)).attempt).toBe(4);
    expect(await rawJob(database, id)).toMatchObject({ failures: 0 });
  });

  it('when it was asked to stop cancels it', async () => {
    const database = await freshDatabase();
    const lease = await running(database);
    await requestCancel(database.db, { owner: OWNER, id: lease.jobId });
    expect(await releaseJob(database.db, lease)).toBe('canceled');
  });
});

describe('a request to cancel', () => {
  it('ends a waiting job, tells a running one, and leaves a final one as it is; asking twice is no error', async () => {
    const database = await freshDatabase();
    const { db } = database;
    const waiting = await submitOrFail(database, { webhookUrl: HOOK });
    const lease = await running(database);
    for (const id of [waiting, lease.jobId, waiting, lease.jobId])
      expect(await requestCancel(db, { owner: OWNER, id })).toBe(true);
    expect(await eventTypes(database, waiting)).toEqual(['job.queued', 'job.canceled']);
    expect(await eventTypes(database, lease.jobId)).toEqual(['job.queued', 'job.started', 'job.cancel_requested']);
    expect(await readLeaseState(db, lease)).toBe('cancel');
    expect(await heartbeat(db, lease, HOUR)).toBe(true);
    expect(await cancelRunningJob(db, lease)).toBe(true);
    const before = await rawJob(database, lease.jobId);
    expect(await requestCancel(db, { owner: OWNER, id: lease.jobId })).toBe(true);
    expect(await rawJob(database, lease.jobId)).toEqual(before);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('that comes too late for the last step does not undo a success', async () => {
    const database = await freshDatabase();
    const lease = await running(database);
    await requestCancel(database.db, { owner: OWNER, id: lease.jobId });
    expect(await succeedJob(database.db, lease, successOf(lease))).toBe(true);
    expect(await rawJob(database, lease.jobId)).toMatchObject({ status: 'succeeded' });
  });

  it('is not heard for the job of another owner, nor for none', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database);
    expect(await requestCancel(database.db, { owner: 'bob', id })).toBe(false);
    expect(await requestCancel(database.db, { owner: OWNER, id: 'job_none' })).toBe(false);
    expect(await rawJob(database, id)).toMatchObject({ status: 'queued' });
  });

  it('is never lost between claims and releases: the job ends canceled', async () => {
    const database = await freshDatabase({ max: 8 });
    for (let round = 0; round < 15; round++) {
      const id = await submitOrFail(database);
      const juggle = async (): Promise<void> => {
        for (let turn = 0; turn < 6; turn++) {
          const result = await claimJob(database.db, id, { token: newToken(), workerId: 'w', leaseMs: HOUR });
          if (result.outcome === 'claimed') await releaseJob(database.db, result.job.lease);
        }
      };
      await Promise.all([juggle(), juggle(), requestCancel(database.db, { owner: OWNER, id })]);
      expect(await rawJob(database, id)).toMatchObject({ status: 'canceled' });
    }
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('beside a success, a failure and a reaper at the same moment: one of them is the end', async () => {
    const database = await freshDatabase({ max: 8 });
    for (let round = 0; round < 15; round++) {
      const lease = await running(database, { webhookUrl: HOOK, maxAttempts: 1 });
      if (round % 2 === 0) await expireLease(database, lease.jobId);
      await Promise.all([
        requestCancel(database.db, { owner: OWNER, id: lease.jobId }),
        succeedJob(database.db, lease, successOf(lease)),
        retryJob(database.db, lease, { error: ERROR, delayMs: 0 }),
        reapLeases(database.db, ERROR),
      ]);
      expect(await findTableViolations(database.pool)).toEqual([]);
    }
    expect(await count(database, `jobs where status in ('queued', 'running')`)).toBe(0);
  });
});

describe('the reaper', () => {
  it('takes back what has lost its worker: to the queue, to its end, or cancelled, each once', async () => {
    const database = await freshDatabase();
    const again = await running(database);
    const last = await running(database, { maxAttempts: 1, webhookUrl: HOOK });
    const stopping = await running(database, { webhookUrl: HOOK });
    const healthy = await running(database);
    await requestCancel(database.db, { owner: OWNER, id: stopping.jobId });
    for (const { jobId } of [again, last, stopping]) await expireLease(database, jobId);
    const rounds = await atOnce(4, () => reapLeases(database.db, ERROR));
    expect(rounds.flatMap(({ queued }) => queued)).toEqual([again.jobId]);
    expect(rounds.flatMap(({ failed }) => failed)).toEqual([last.jobId]);
    expect(rounds.flatMap(({ canceled }) => canceled)).toEqual([stopping.jobId]);
    expect(await rawJob(database, again.jobId)).toMatchObject({ status: 'queued', failures: 1 });
    expect(await rawJob(database, last.jobId)).toMatchObject({ status: 'failed', failures: 1, error: ERROR });
    expect(await readLeaseState(database.db, healthy)).toBe('continue');
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('works off a great outage in rounds', async () => {
    const database = await freshDatabase();
    await database.pool.query(
      `with made as (
         insert into jobs (id, owner, status, parameters, max_attempts, attempt, lease_token, lease_expires_at, event_seq)
         select 'job_' || n, 'ann', 'running', '{}', 1 + n % 2, 1, 't', now() - interval '1 minute', 2
         from generate_series(1, 250) n returning id
       ) insert into job_events (job_id, seq, type, data)
       select id, seq, case seq when 1 then 'job.queued' else 'job.started' end, '{"attempt": 1}' from made, generate_series(1, 2) seq`,
    );
    let [queued, failed, rounds] = [0, 0, 0];
    for (;;) {
      const reaped = await reapLeases(database.db, ERROR);
      if (reaped.queued.length + reaped.failed.length === 0) break;
      queued += reaped.queued.length;
      failed += reaped.failed.length;
      rounds++;
    }
    expect({ queued, failed }).toEqual({ queued: 125, failed: 125 });
    expect(rounds).toBeLessThanOrEqual(4);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});

describe('a deadline', () => {
  it('that has passed ends a waiting job and a running one; a worker that goes on has lost its lease by that', async () => {
    const database = await freshDatabase();
    const waiting = await submitOrFail(database, { deadline: past(), webhookUrl: HOOK });
    const deadline = new Date(Date.now() + HOUR).toISOString();
    const lease = await running(database, { deadline });
    const later = await submitOrFail(database, { deadline });
    await database.pool.query('update jobs set deadline_at = now() where id = $1', [lease.jobId]);
    const rounds = await atOnce(3, () => expireJobs(database.db, ERROR));
    expect(rounds.flat().toSorted()).toEqual([waiting, lease.jobId].toSorted());
    expect(await succeedJob(database.db, lease, successOf(lease))).toBe(false);
    expect(await rawJob(database, lease.jobId)).toMatchObject({ status: 'expired', error: ERROR });
    expect(await rawJob(database, later)).toMatchObject({ status: 'queued' });
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('does not touch what was done in time', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { deadline: new Date(Date.now() + HOUR).toISOString() });
    await succeedJob(database.db, lease, successOf(lease));
    await database.pool.query(`update jobs set deadline_at = now() - interval '1 hour'`);
    expect(await expireJobs(database.db, ERROR)).toEqual([]);
  });

  it('that passes at the very moment of success leaves one of the two', async () => {
    const database = await freshDatabase();
    for (let round = 0; round < 15; round++) {
      const lease = await running(database, { deadline: new Date(Date.now() + HOUR).toISOString(), webhookUrl: HOOK });
      await database.pool.query('update jobs set deadline_at = now() where id = $1', [lease.jobId]);
      const [done, expired] = await Promise.all([
        succeedJob(database.db, lease, successOf(lease)),
        expireJobs(database.db, ERROR),
      ]);
      expect([done, expired.length]).toEqual(done ? [true, 0] : [false, 1]);
    }
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});

it('progress is noted in the row and in the log, and the time of a stage from its first step', async () => {
  const database = await freshDatabase();
  const lease = await running(database);
  const stageStart = async () => (await rawJob(database, lease.jobId))?.stage_started_at;
  for (const step of [1, 2])
    expect(await recordProgress(database.db, lease, { stage: 'denoise', step, total: 4 })).toBe(true);
  expect(await rawJob(database, lease.jobId)).toMatchObject({ stage: 'denoise', step: 2, total: 4 });
  const began = await stageStart();
  await recordProgress(database.db, lease, { stage: 'denoise', step: 3, total: 4 });
  expect(await stageStart()).toEqual(began);
  await recordProgress(database.db, lease, { stage: 'decode', step: 0, total: 1 });
  expect(await stageStart()).not.toEqual(began);
  await recordPreview(database.db, lease, { step: 3, total: 4, width: 2, height: 2, data_url: 'data:,x' });
  const events = await readEvents(database.db, lease.jobId, 0, 100);
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(events.at(-1)).toMatchObject({ type: 'job.preview', data: { data_url: 'data:,x' } });
});
