import { describe, expect, it } from 'vitest';
import {
  cancelRunningJob,
  failJob,
  heartbeat,
  newToken,
  readLeaseState,
  reapLeases,
  recordPreview,
  recordProgress,
  releaseJob,
  requestCancel,
  retryJob,
  succeedJob,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import {
  atOnce,
  claimOrFail,
  ERROR,
  eventTypes,
  expireLease,
  HOUR,
  OWNER,
  rawJob,
  running,
  storeTestInput,
  submitOrFail,
  successOf,
  tryClaim,
} from './jobs.ts';

describe('a claim', () => {
  it('is won by one of 20 at once; the others are told when to look again', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database);
    const results = await atOnce(20, () => tryClaim(database, id, HOUR));
    expect(results.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    for (const result of results) {
      if (result.outcome === 'claimed') continue;
      expect(result).toEqual({ outcome: 'later', ms: expect.closeTo(HOUR, -4) });
    }
    expect(await rawJob(database, id)).toMatchObject({ attempt: 1, failures: 0 });
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('tells what to do, in order, and until when', async () => {
    const database = await freshDatabase();
    const inputs = [
      await storeTestInput(database, 'b'),
      await storeTestInput(database, 'a'),
      await storeTestInput(database, 'b'),
    ];
    const deadline = new Date(Date.now() + HOUR).toISOString();
    const id = await submitOrFail(database, { inputs, deadline, parameters: { prompt: 'ä', steps: 4 } });
    const job = await claimOrFail(database, id);
    expect(job.parameters).toEqual({ prompt: 'ä', steps: 4 });
    expect(job.inputs.map(({ key }) => key)).toEqual(inputs.map((each) => `inputs/${each}`));
    expect(job.inputs[0]).toEqual({
      key: `inputs/${inputs[0]}`,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      bytes: 1,
    });
    expect(job.deadlineMs).toBeGreaterThan(HOUR - 60_000);
    expect(job.deadlineMs).toBeLessThan(HOUR + 60_000);
    expect(job).toMatchObject({ owner: OWNER, attempt: 1 });
  });

  it('takes over a lease that has run out, and counts the lost attempt as a failure', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database);
    const first = await claimOrFail(database, id);
    expect((await tryClaim(database, id)).outcome).toBe('later');
    await expireLease(database, id);
    const second = await claimOrFail(database, id);
    expect(second.attempt).toBe(2);
    expect(await rawJob(database, id)).toMatchObject({ failures: 1, lease_token: second.lease.token });
    expect(await succeedJob(database.db, first.lease, successOf(first.lease))).toBe(false);
    expect(await succeedJob(database.db, second.lease, successOf(second.lease))).toBe(true);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('of an expired lease is won by one of 20 at once, with the reaper beside them', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { maxAttempts: 9 });
    await claimOrFail(database, id);
    await expireLease(database, id);
    const [reaped, ...results] = await Promise.all([
      reapLeases(database.db, ERROR),
      ...Array.from({ length: 20 }, () => tryClaim(database, id)),
    ]);
    expect(results.filter(({ outcome }) => outcome === 'claimed').length + reaped.queued.length).toBeGreaterThan(0);
    expect(results.filter(({ outcome }) => outcome === 'claimed').length).toBeLessThanOrEqual(1);
    expect(await rawJob(database, id)).toMatchObject({ failures: 1 });
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('does not take the last attempt over again: the reaper ends it', async () => {
    const database = await freshDatabase();
    const { jobId } = await running(database, { maxAttempts: 1 });
    await expireLease(database, jobId);
    expect((await tryClaim(database, jobId)).outcome).toBe('later');
    expect(await reapLeases(database.db, ERROR)).toMatchObject({ failed: [jobId] });
    expect(await tryClaim(database, jobId)).toEqual({ outcome: 'done' });
  });

  it('is not had of a job that was asked to stop and lost its worker', async () => {
    const database = await freshDatabase();
    const { jobId } = await running(database);
    await requestCancel(database.db, { owner: OWNER, id: jobId });
    await expireLease(database, jobId);
    expect((await tryClaim(database, jobId)).outcome).toBe('later');
    expect(await reapLeases(database.db, ERROR)).toEqual({ queued: [], failed: [], canceled: [jobId] });
  });

  it('is not had before the delay of a retry is over, nor of a job that is gone', async () => {
    const database = await freshDatabase();
    const lease = await running(database);
    expect(await retryJob(database.db, lease, { error: ERROR, delayMs: HOUR })).toBe('queued');
    expect(await tryClaim(database, lease.jobId)).toEqual({ outcome: 'later', ms: expect.closeTo(HOUR, -4) });
    expect(await tryClaim(database, 'job_none')).toEqual({ outcome: 'done' });
  });

  it('is not had past the deadline', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { deadline: new Date(Date.now() - 1000).toISOString() });
    expect((await tryClaim(database, id)).outcome).toBe('later');
  });
});

describe('the lease', () => {
  it('lost to another worker changes nothing, whatever its old holder tries', async () => {
    const database = await freshDatabase();
    const stale = await running(database);
    await expireLease(database, stale.jobId);
    await claimOrFail(database, stale.jobId);
    const before = await rawJob(database, stale.jobId);
    const { db } = database;
    expect(await heartbeat(db, stale, HOUR)).toBe(false);
    expect(await readLeaseState(db, stale)).toBe('lost');
    expect(await recordProgress(db, stale, { stage: 'denoise', step: 1, total: 2 })).toBe(false);
    const preview = { step: 1, total: 2, width: 1, height: 1, data_url: 'data:,' };
    expect(await recordPreview(db, stale, preview)).toBe(false);
    expect(await succeedJob(db, stale, successOf(stale))).toBe(false);
    expect(await failJob(db, stale, ERROR)).toBe(false);
    expect(await retryJob(db, stale, { error: ERROR, delayMs: 0 })).toBe('lost');
    expect(await releaseJob(db, stale)).toBe('lost');
    expect(await cancelRunningJob(db, stale)).toBe(false);
    expect(await rawJob(database, stale.jobId)).toEqual(before);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('is not had by a guessed token, nor by the token of another job', async () => {
    const database = await freshDatabase();
    const [mine, other] = [await running(database), await running(database)];
    for (const token of [newToken(), '', other.token]) {
      expect(await succeedJob(database.db, { ...mine, token }, successOf({ ...mine, token }))).toBe(false);
    }
    expect(await rawJob(database, mine.jobId)).toMatchObject({ status: 'running' });
  });

  it('ended by the reaper while its holder slept: the late commit leaves nothing behind', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { webhookUrl: 'https://example.com' });
    await expireLease(database, lease.jobId);
    expect(await reapLeases(database.db, ERROR)).toMatchObject({ queued: [lease.jobId] });
    expect(await succeedJob(database.db, lease, successOf(lease))).toBe(false);
    const { rows } = await database.pool.query('select from assets union all select from webhook_deliveries');
    expect(rows).toHaveLength(0);
    expect(await eventTypes(database, lease.jobId)).toEqual(['job.queued', 'job.started', 'job.retrying']);
  });

  it('that has run out, and that nobody took, is extended by a late heartbeat', async () => {
    const database = await freshDatabase();
    const lease = await running(database);
    await expireLease(database, lease.jobId);
    expect(await heartbeat(database.db, lease, HOUR)).toBe(true);
    expect(await reapLeases(database.db, ERROR)).toEqual({ queued: [], failed: [], canceled: [] });
    expect(await succeedJob(database.db, lease, successOf(lease))).toBe(true);
  });
});

describe('two ends at the same moment', () => {
  it('by 20 that hold the same lease: one commits, with one event and one webhook', async () => {
    const database = await freshDatabase();
    const lease = await running(database, { webhookUrl: 'https://example.com' });
    const ends = [
      () => succeedJob(database.db, lease, successOf(lease)),
      () => failJob(database.db, lease, ERROR),
      () => cancelRunningJob(database.db, lease),
      () => retryJob(database.db, lease, { error: ERROR, delayMs: 0 }).then((outcome) => outcome !== 'lost'),
    ];
    const done = await atOnce(20, (n) => ends[n % ends.length]!());
    // A repeated success is told so: who commits twice has committed.
    expect(done.filter(Boolean).length).toBeGreaterThanOrEqual(1);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});
