import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import {
  type Database,
  handleDeadLetter,
  markSent,
  requestCancel,
  resendQueued,
  retryJob,
  returnToOutbox,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import { atOnce, claimOrFail, count, ERROR, HOUR, OWNER, rawJob, submitOrFail } from './jobs.ts';

const relayed = (database: Database): Promise<string> => submitOrFail(database, {}, { relayed: true });
const idsOf = (rows: readonly { jobId: string }[]): string[] => rows.map(({ jobId }) => jobId);

describe('the outbox', () => {
  it('gives each message to one of 6 at once, oldest first', async () => {
    const database = await freshDatabase();
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await relayed(database));
    expect(idsOf(await takeOutbox(database.db, 2, HOUR))).toEqual(ids.slice(0, 2));
    const taken = await atOnce(6, () => takeOutbox(database.db, 3, HOUR));
    const rest = await takeOutbox(database.db, 100, HOUR);
    expect([...taken.flat(), ...rest].map(({ jobId }) => jobId).toSorted()).toEqual(ids.slice(2).toSorted());
  });

  it('gives again what was taken by one that died before it said that it was sent', async () => {
    const database = await freshDatabase();
    const id = await relayed(database);
    expect(idsOf(await takeOutbox(database.db, 9, 0))).toEqual([id]);
    const again = await takeOutbox(database.db, 9, HOUR);
    expect(idsOf(again)).toEqual([id]);
    expect(await takeOutbox(database.db, 9, HOUR)).toEqual([]);
    await markSent(database.db, again);
    expect(await count(database, 'outbox')).toBe(0);
    expect((await rawJob(database, id))?.sent_at).not.toBeNull();
  });

  it('gives again at once, or later, what the queue did not take', async () => {
    const database = await freshDatabase();
    const id = await relayed(database);
    await returnToOutbox(database.db, await takeOutbox(database.db, 9, HOUR), 0);
    const again = await takeOutbox(database.db, 9, HOUR);
    expect(idsOf(again)).toEqual([id]);
    await returnToOutbox(database.db, again, HOUR);
    expect(await takeOutbox(database.db, 9, HOUR)).toEqual([]);
  });

  it('forgets the message of a job that no longer waits', async () => {
    const database = await freshDatabase();
    const ended = await relayed(database);
    await requestCancel(database.db, { owner: OWNER, id: ended });
    expect(await count(database, 'outbox')).toBe(0);
    const claimed = await relayed(database);
    await claimOrFail(database, claimed);
    expect(await takeOutbox(database.db, 9, HOUR)).toEqual([]);
    expect(await count(database, 'outbox')).toBe(0);
  });

  it('tells which messages could not be marked as sent because they were locked, so that they are marked later', async () => {
    const database = await freshDatabase();
    await atOnce(3, () => relayed(database));
    const rows = await takeOutbox(database.db, 9, HOUR);
    await database.transaction(async (tx) => {
      await tx.execute(sql`select from outbox where id = ${rows[1]!.id} for update`);
      expect(await markSent(database.db, rows)).toEqual([rows[1]]);
    });
    expect(await markSent(database.db, [rows[1]!])).toEqual([]);
    expect(await markSent(database.db, rows)).toEqual([]);
    expect(await count(database, 'outbox')).toBe(0);
  });

  it('lets jobs end while their messages are marked as sent, and neither waits for the other', async () => {
    const database = await freshDatabase();
    for (let round = 0; round < 15; round++) {
      const ids = await atOnce(8, () => relayed(database));
      const rows = await takeOutbox(database.db, 100, HOUR);
      await Promise.all([
        markSent(database.db, rows.slice(0, 6)),
        returnToOutbox(database.db, rows.toReversed(), 0),
        ...ids.map((id) => requestCancel(database.db, { owner: OWNER, id })),
      ]);
      expect(await takeOutbox(database.db, 100, 0)).toEqual([]);
      expect(await count(database, 'outbox')).toBe(0);
    }
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});

describe('messages that got lost', () => {
  it('are written again for jobs that have waited long since they were sent, and for no others', async () => {
    const database = await freshDatabase();
    const [lost, fresh, running] = [await relayed(database), await relayed(database), await relayed(database)];
    await markSent(database.db, await takeOutbox(database.db, 9, HOUR));
    const pending = await relayed(database);
    const retry = await relayed(database);
    await retryJob(database.db, (await claimOrFail(database, retry)).lease, { error: ERROR, delayMs: HOUR });
    await takeOutbox(database.db, 9, HOUR);
    await claimOrFail(database, running);
    await database.pool.query(
      `update jobs set created_at = now() - interval '2 hours', sent_at = sent_at - interval '2 hours',
       run_after = least(run_after, now() - interval '2 hours') where id = any ($1)`,
      [[lost, running, pending]],
    );
    expect(await resendQueued(database.db, HOUR, 100)).toBe(1);
    expect(idsOf(await takeOutbox(database.db, 9, HOUR))).toEqual([lost]);
    expect(await resendQueued(database.db, HOUR, 100)).toBe(0);
    expect(fresh).not.toBe(lost);
  });

  it('are written once by 5 at once, and no more than asked for', async () => {
    const database = await freshDatabase();
    await atOnce(10, () => submitOrFail(database));
    await database.pool.query(
      `update jobs set created_at = now() - interval '2 hours', run_after = now() - interval '2 hours'`,
    );
    const written = await atOnce(5, () => resendQueued(database.db, HOUR, 3));
    expect(written.every((n) => n <= 3)).toBe(true);
    await resendQueued(database.db, HOUR, 100);
    expect(await count(database, 'outbox')).toBe(10);
    expect(await count(database, '(select distinct job_id from outbox) as each')).toBe(10);
  });
});

describe('a job whose message came out of the dead-letter queue', () => {
  const handle = (database: Database, id: string) =>
    handleDeadLetter(database.db, id, { maxRedrives: 2, error: ERROR });

  it('is left alone while it is leased, and when it is final or gone', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database);
    await claimOrFail(database, id);
    const before = await rawJob(database, id);
    expect(await handle(database, id)).toBe('healthy');
    expect(await rawJob(database, id)).toEqual(before);
    expect(await handle(database, 'job_none')).toBe('done');
    const ended = await submitOrFail(database);
    await requestCancel(database.db, { owner: OWNER, id: ended });
    expect(await handle(database, ended)).toBe('done');
    expect(await count(database, 'outbox')).toBe(0);
  });

  it('is sent once more while it waits, and fails when it comes back too often', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { webhookUrl: 'https://example.com' });
    expect(await handle(database, id)).toBe('sent_again');
    expect(idsOf(await takeOutbox(database.db, 9, HOUR))).toEqual([id]);
    expect(await handle(database, id)).toBe('failed');
    expect(await rawJob(database, id)).toMatchObject({ status: 'failed', error: ERROR });
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});
