import { describe, expect, it } from 'vitest';
import { claimKey, newToken, readJob, requestCancel, submitJob } from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import {
  atOnce,
  count,
  eventTypes,
  newJob,
  OWNER,
  PLAIN,
  RELAYED,
  rawJob,
  storeTestInput,
  submitOrFail,
} from './jobs.ts';

const TABLES = ['jobs', 'job_inputs', 'job_events', 'outbox', 'webhook_deliveries'];

describe('a submission', () => {
  it('is the row, its pictures in order, its first event and its message, together', async () => {
    const database = await freshDatabase();
    const [a, b] = [await storeTestInput(database, 'a'), await storeTestInput(database, 'b')];
    const deadline = '2100-01-31T12:00:00.000Z';
    const job = newJob({
      inputs: [b, a, b],
      deadline,
      parameters: { prompt: '你好 “x” \\u0000 %s $1' },
      metadata: { ticket: '7' },
      webhookUrl: 'https://example.com/hook',
      webhookSecret: 'whsec_x',
      maxAttempts: 2,
    });
    expect(await submitJob(database, job, RELAYED)).toEqual({ createdAt: expect.any(Date) });
    const record = await readJob(database.db, { id: job.id });
    expect(record?.inputs.map(({ id }) => id)).toEqual([b, a, b]);
    expect(record?.job).toMatchObject({
      owner: OWNER,
      status: 'queued',
      parameters: job.parameters,
      metadata: job.metadata,
      webhookUrl: job.webhookUrl,
      webhookSecret: job.webhookSecret,
      deadlineAt: new Date(deadline),
      maxAttempts: 2,
      attempt: 0,
      failures: 0,
      eventSeq: 1,
      startedAt: null,
      error: null,
    });
    expect(await eventTypes(database, job.id)).toEqual(['job.queued']);
    expect(await count(database, 'outbox')).toBe(1);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it.each([
    ['2100-01-01T00:00:00+20:00', '2099-12-31T04:00:00.000Z'],
    ['2100-01-01T00:00:00-23:59', '2100-01-01T23:59:00.000Z'],
    ['2100-01-01T00:00:00.123456789Z', '2100-01-01T00:00:00.123Z'],
    ['9999-12-31T23:59:59-23:00', '+010000-01-01T22:59:59.000Z'],
  ])('takes the deadline %s, as every time of RFC 3339', async (deadline, wanted) => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { deadline });
    expect((await readJob(database.db, { id }))?.job.deadlineAt?.toISOString()).toBe(wanted);
  });

  it('wakes a Postgres queue by itself, after its commit, and needs no outbox', async () => {
    const database = await freshDatabase();
    const listener = await database.pool.connect();
    const woken = new Promise<string>((resolve) => listener.once('notification', ({ channel }) => resolve(channel)));
    await listener.query('listen qwen_edit_queue');
    await submitOrFail(database);
    expect(await woken).toBe('qwen_edit_queue');
    expect(await count(database, 'outbox')).toBe(0);
    listener.release(true);
  });

  it('with a picture that was swept meanwhile is refused, and leaves nothing', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, { owner: OWNER, key: 'k' }, { token, requestHash: 'digest', holdMs: 60_000 });
    const kept = await storeTestInput(database, 'a');
    const job = newJob({ inputs: [kept, 'asset_swept'], webhookUrl: 'https://example.com' });
    const options = { ...RELAYED, idempotency: { key: 'k', token } };
    expect(await submitJob(database, job, options)).toBe(false);
    for (const table of TABLES) expect([table, await count(database, table)]).toEqual([table, 0]);
    const { rows } = await database.pool.query('select job_id from idempotency_keys');
    expect(rows).toEqual([{ job_id: null }]);
    expect(await submitJob(database, { ...job, inputs: [kept] }, options)).toEqual({ createdAt: expect.any(Date) });
  });

  it('marks its pictures as used, so that they are not swept as old', async () => {
    const database = await freshDatabase();
    const id = await storeTestInput(database, 'a');
    await database.pool.query(`update assets set last_used_at = now() - interval '1 day'`);
    await submitOrFail(database, { inputs: [id] });
    const { rows } = await database.pool.query(
      `select now() - last_used_at < interval '1 minute' as fresh from assets`,
    );
    expect(rows).toEqual([{ fresh: true }]);
  });

  it('twice with one id is one job, and the first stays as it was', async () => {
    const database = await freshDatabase();
    const job = newJob();
    const first = await submitJob(database, job, PLAIN);
    const before = await rawJob(database, job.id);
    expect(await submitJob(database, { ...job, parameters: {} }, PLAIN)).toEqual(first);
    expect(await rawJob(database, job.id)).toEqual(before);
  });

  it('that arrives late makes nothing, if the request was repeated with its id as a key meanwhile', async () => {
    const database = await freshDatabase();
    const job = newJob();
    const token = newToken();
    await claimKey(database.db, { owner: OWNER, key: job.id }, { token, requestHash: 'digest', holdMs: 60_000 });
    const late = () => submitJob(database, job, { ...PLAIN, requestHash: 'digest' });
    await expect(late()).rejects.toMatchObject({ code: 'idempotency_in_flight' });
    const repeated = newJob();
    await submitJob(database, repeated, { ...PLAIN, requestHash: 'digest', idempotency: { key: job.id, token } });
    await expect(late()).rejects.toMatchObject({ code: 'idempotency_in_flight' });
    const { rows } = await database.pool.query('select id from jobs');
    expect(rows).toEqual([{ id: repeated.id }]);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('with the id of another owner’s job is refused', async () => {
    const database = await freshDatabase();
    const job = newJob();
    await submitJob(database, job, PLAIN);
    const theirs = submitJob(database, { ...job, owner: 'bob' }, PLAIN);
    await expect(theirs).rejects.toMatchObject({ code: 'internal', outcomeUnknown: false });
  });
});

describe('the limit of the queue', () => {
  it('is not exceeded by 50 submissions at once', async () => {
    const database = await freshDatabase({ max: 12 });
    const outcomes = await atOnce(50, () =>
      submitOrFail(database, {}, { maxQueue: 7 }).then(
        () => 'accepted',
        (thrown) => thrown.code,
      ),
    );
    expect(outcomes.filter((each) => each === 'accepted')).toHaveLength(7);
    expect(outcomes.filter((each) => each === 'queue_full')).toHaveLength(43);
    expect(await count(database, 'jobs')).toBe(7);
    expect(await findTableViolations(database.pool)).toEqual([]);
  });

  it('counts what waits: a job that left the queue makes room for one', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, {}, { maxQueue: 1 });
    await expect(submitOrFail(database, {}, { maxQueue: 1 })).rejects.toMatchObject({ code: 'queue_full' });
    await requestCancel(database.db, { owner: OWNER, id });
    await submitOrFail(database, {}, { maxQueue: 1 });
    await expect(submitOrFail(database, {}, { maxQueue: 1 })).rejects.toMatchObject({ code: 'queue_full' });
  });

  it('of 0 lets nothing in', async () => {
    const database = await freshDatabase();
    await expect(submitOrFail(database, {}, { maxQueue: 0 })).rejects.toMatchObject({ code: 'queue_full' });
  });
});
