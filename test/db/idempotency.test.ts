import { describe, expect, it } from 'vitest';
import {
  claimKey,
  type Database,
  deleteOldKeys,
  failJob,
  type KeyTerms,
  newToken,
  releaseKey,
  renewKey,
  submitJob,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { atOnce, claimOrFail, count, ERROR, HOUR, newJob, OWNER, PLAIN } from './jobs.ts';

const KEY = { owner: OWNER, key: 'k' };
/** A claim of an hour, by a request with this digest. */
const terms = (changes: Partial<KeyTerms> = {}): KeyTerms => ({
  ...{ token: newToken(), requestHash: 'digest', holdMs: HOUR },
  ...changes,
});

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
    const claims = await atOnce(50, () => claimKey(database.db, KEY, terms()));
    expect(claims.filter(({ outcome }) => outcome === 'mine')).toHaveLength(1);
    expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
  });

  it('names, once it is used, the job and the request that made it', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, KEY, terms({ token }));
    expect(await renewKey(database.db, KEY, { token, holdMs: HOUR })).toBe(true);
    const id = await submitUnder(database, token);
    const done = { outcome: 'done', jobId: id, requestHash: 'digest' };
    expect(await claimKey(database.db, KEY, terms())).toEqual(done);
    await lockPasses(database);
    expect(await claimKey(database.db, KEY, terms())).toEqual(done);
    expect(await renewKey(database.db, KEY, { token, holdMs: HOUR })).toBe(false);
    await releaseKey(database.db, KEY, token);
    expect(await claimKey(database.db, KEY, terms())).toEqual(done);
  });

  it('passes on when its claim has run out; the late first request makes no job', async () => {
    const database = await freshDatabase();
    const [first, second] = [newToken(), newToken()];
    await claimKey(database.db, KEY, terms({ token: first }));
    expect(await claimKey(database.db, KEY, terms({ token: second }))).toMatchObject({ outcome: 'busy' });
    await lockPasses(database);
    const heirs = await atOnce(10, (n) => claimKey(database.db, KEY, n === 0 ? terms({ token: second }) : terms()));
    expect(heirs.filter(({ outcome }) => outcome === 'mine')).toHaveLength(1);
    expect(await renewKey(database.db, KEY, { token: first, holdMs: HOUR })).toBe(false);
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
      await claimKey(database.db, KEY, terms({ token: first, holdMs: -1000 }));
      const [made, heir] = await Promise.all([submitUnder(database, first), claimKey(database.db, KEY, terms())]);
      expect(await count(database, 'jobs')).toBe(heir.outcome === 'mine' ? 0 : 1);
      if (heir.outcome === 'mine') expect(made).toBe('idempotency_in_flight');
      else expect(heir).toEqual({ outcome: 'done', jobId: made, requestHash: 'digest' });
    }
  });

  it('is free again after a request that made no job', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, KEY, terms({ token }));
    await releaseKey(database.db, KEY, newToken());
    expect(await claimKey(database.db, KEY, terms())).toMatchObject({ outcome: 'busy' });
    await releaseKey(database.db, KEY, token);
    expect(await claimKey(database.db, KEY, terms())).toEqual({ outcome: 'mine' });
  });

  it('whose holder has died says when it is free, and a living holder keeps it', async () => {
    const database = await freshDatabase();
    const token = newToken();
    await claimKey(database.db, KEY, terms({ token, holdMs: 4000 }));
    const busy = await claimKey(database.db, KEY, terms());
    expect(busy).toEqual({ outcome: 'busy', waitMs: expect.any(Number) });
    expect(busy.outcome === 'busy' && busy.waitMs).toBeLessThanOrEqual(4000);
    // A holder whose claim has run out gets it back as long as nobody else has taken it.
    await lockPasses(database);
    expect(await renewKey(database.db, KEY, { token, holdMs: HOUR })).toBe(true);
    expect(await claimKey(database.db, KEY, terms())).toMatchObject({ outcome: 'busy' });
  });

  describe('whose job has failed', () => {
    const failed = async (database: Database, retryable: boolean): Promise<string> => {
      const token = newToken();
      await claimKey(database.db, KEY, terms({ token }));
      const id = await submitUnder(database, token);
      const { lease } = await claimOrFail(database, id);
      await failJob(database.db, lease, { ...ERROR, retryable });
      return id;
    };

    it('for a reason that may pass makes one new job, however many ask at once', async () => {
      const database = await freshDatabase({ max: 12 });
      const old = await failed(database, true);
      const claims = await atOnce(50, () => claimKey(database.db, KEY, terms()));
      expect(claims.filter(({ outcome }) => outcome === 'mine')).toHaveLength(1);
      expect(claims.filter(({ outcome }) => outcome === 'busy')).toHaveLength(49);
      expect(await count(database, `jobs where id = '${old}' and status = 'failed'`)).toBe(1);
    });

    it('for a reason that may pass stays that request’s key: another request is not let in', async () => {
      const database = await freshDatabase();
      const jobId = await failed(database, true);
      const other = await claimKey(database.db, KEY, terms({ requestHash: 'another' }));
      expect(other).toEqual({ outcome: 'done', jobId, requestHash: 'digest' });
    });

    it('for good names that job', async () => {
      const database = await freshDatabase();
      const jobId = await failed(database, false);
      expect(await claimKey(database.db, KEY, terms())).toMatchObject({ outcome: 'done', jobId });
    });
  });

  it('of one owner is nothing to another', async () => {
    const database = await freshDatabase();
    await claimKey(database.db, KEY, terms());
    expect(await claimKey(database.db, { ...KEY, owner: 'bob' }, terms())).toEqual({ outcome: 'mine' });
  });

  it('is kept for its time from its last claim, and while it is claimed', async () => {
    const database = await freshDatabase();
    await claimKey(database.db, KEY, terms());
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '1 day'`);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(1);
    // A claim that was left, and is taken up a day later: the key of the job that it makes is as good as new.
    await lockPasses(database);
    const token = newToken();
    await claimKey(database.db, KEY, terms({ token, holdMs: -1000 }));
    await submitUnder(database, token);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(1);
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '1 day'`);
    await deleteOldKeys(database.db, HOUR);
    expect(await count(database, 'idempotency_keys')).toBe(0);
  });
});
