import { describe, expect, it } from 'vitest';
import {
  claimKey,
  type Database,
  deleteOldKeys,
  newToken,
  noteRequestHash,
  releaseKey,
  submitJob,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { atOnce, count, HOUR, newJob, OWNER, PLAIN } from './jobs.ts';

const KEY = { owner: OWNER, key: 'k' };

/** Submits under a claim on KEY; tells the id of the job, or the code of the error. */
async function submitUnder(database: Database, token: string): Promise<string> {
  const job = newJob();
  return submitJob(database, job, { ...PLAIN, idempotency: { key: KEY.key, token } }).then(
    () => job.id,
    (thrown: { code: string }) => thrown.code,
  );
}
const lockPasses = (database: Database) =>
  database.pool.query(`update idempotency_keys set locked_until = now() - interval '1 second'`);

describe('an Idempotency-Key', () => {
  it('is had by one of 50 at once', async () => {
    const database = await freshDatabase();
    const claims = await atOnce(50, () => claimKey(database.db, KEY, newToken(), HOUR));
    expect(claims.filter(({ outcome }) => outcome === 'mine')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('names, once it is used, the job and the request that made it', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, KEY, token, HOUR);
    expect(await noteRequestHash(database.db, KEY, token, 'digest')).toBe(true);
    const id = await submitUnder(database, token);
    const done = { outcome: 'done', jobId: id, requestHash: 'digest' };
    expect(await claimKey(database.db, KEY, newToken(), HOUR)).toEqual(done);
    await lockPasses(database);
    expect(await claimKey(database.db, KEY, newToken(), HOUR)).toEqual(done);
    expect(await noteRequestHash(database.db, KEY, token, 'another')).toBe(false);
    await releaseKey(database.db, KEY, token);
    expect(await claimKey(database.db, KEY, newToken(), HOUR)).toEqual(done);
  });

  it('passes on when its claim has run out; the late first request makes no job', async () => {
    const database = await freshDatabase();
    const [first, second] = [newToken(), newToken()];
    await claimKey(database.db, KEY, first, HOUR);
    await noteRequestHash(database.db, KEY, first, 'digest');
    expect(await claimKey(database.db, KEY, second, HOUR)).toEqual({ outcome: 'busy' });
    await lockPasses(database);
    const heirs = await atOnce(10, (n) => claimKey(database.db, KEY, n === 0 ? second : newToken(), HOUR));
    expect(heirs.filter(({ outcome }) => outcome === 'mine')).toHaveLength(1);
    expect(await noteRequestHash(database.db, KEY, first, 'digest')).toBe(false);
    expect(await submitUnder(database, first)).toBe('idempotency_in_flight');
    await releaseKey(database.db, KEY, first);
    expect(await count(database, 'jobs')).toBe(0);
    expect(await count(database, 'idempotency_keys')).toBe(1);
  });

  it('makes one job of a claim that ran out just when its request submitted', async () => {
    const database = await freshDatabase();
    for (let round = 0; round < 10; round++) {
      await database.pool.query('truncate jobs, idempotency_keys cascade');
      const first = newToken();
      await claimKey(database.db, KEY, first, -1000);
      const [made, heir] = await Promise.all([
        submitUnder(database, first),
        claimKey(database.db, KEY, newToken(), HOUR),
      ]);
      expect(await count(database, 'jobs')).toBe(heir.outcome === 'mine' ? 0 : 1);
      if (heir.outcome === 'mine') expect(made).toBe('idempotency_in_flight');
      else expect(heir).toEqual({ outcome: 'done', jobId: made, requestHash: undefined });
    }
  });

  it('is free again after a request that made no job', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, KEY, token, HOUR);
    await releaseKey(database.db, KEY, newToken());
    expect(await claimKey(database.db, KEY, newToken(), HOUR)).toEqual({ outcome: 'busy' });
    await releaseKey(database.db, KEY, token);
    expect(await claimKey(database.db, KEY, newToken(), HOUR)).toEqual({ outcome: 'mine' });
  });

  it('of one owner is nothing to another', async () => {
    const database = await freshDatabase();
    await claimKey(database.db, KEY, newToken(), HOUR);
    expect(await claimKey(database.db, { ...KEY, owner: 'bob' }, newToken(), HOUR)).toEqual({ outcome: 'mine' });
  });

  it('is kept for its time from its last claim, and while it is claimed', async () => {
    const database = await freshDatabase();
    await claimKey(database.db, KEY, newToken(), HOUR);
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '1 day'`);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(1);
    // A claim that was left, and is taken up a day later: the key of the job that it makes is as good as new.
    await lockPasses(database);
    const token = newToken();
    await claimKey(database.db, KEY, token, -1000);
    await submitUnder(database, token);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(1);
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '1 day'`);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(0);
  });
});
