import { describe, expect, it } from 'vitest';
import {
  claimJob,
  claimKey,
  type Database,
  newToken,
  reapLeases,
  reportWorker,
  succeedJob,
  takeDeliveries,
  takeOutbox,
  takeOver,
} from '../../packages/db/src/index.ts';
import { takeQueuedJobs } from '../../packages/db/src/jobs/transitions/queue-visibility.ts';
import { freshDatabase } from './harness.ts';
import { claimOrFail, ERROR, HOUR, OWNER, RELAYED, rawJob, submitOrFail, successOf } from './jobs.ts';

const ENDED = { host: 'laptop', pid: 42 };

/** A job that a worker of this process has leased for an hour. */
async function leasedBy(database: Database, workerId: string, process: { host: string; pid: number }) {
  const state = { device: 'cpu', gpuId: null, ready: true, model: null, lastError: null };
  await reportWorker(database.db, { id: workerId, ...process, ...state });
  const jobId = await submitOrFail(database);
  const claimed = await claimJob(database.db, jobId, { token: newToken(), workerId, leaseMs: HOUR });
  if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
  return claimed.job.lease;
}
const again = (database: Database, jobId: string) =>
  claimJob(database.db, jobId, { token: newToken(), workerId: 'worker_next', leaseMs: HOUR });

describe('after a take-over', () => {
  it('the jobs of the ended process can be claimed at once, and others keep theirs', async () => {
    const database = await freshDatabase();
    const dead = await leasedBy(database, 'worker_dead', ENDED);
    const living = await leasedBy(database, 'worker_living', { ...ENDED, pid: 43 });
    const elsewhere = await leasedBy(database, 'worker_elsewhere', { ...ENDED, host: 'desktop' });
    expect(await takeOver(database.db, { ended: [ENDED], alone: false })).toEqual([dead.jobId]);
    expect(await again(database, dead.jobId)).toMatchObject({ outcome: 'claimed', job: { attempt: 2 } });
    for (const { jobId } of [living, elsewhere])
      expect(await again(database, jobId)).toMatchObject({ outcome: 'later' });
    const { rows } = await database.pool.query('select id from workers order by id');
    expect(rows).toEqual([{ id: 'worker_elsewhere' }, { id: 'worker_living' }]);
    // A result that the ended process sent with its last breath comes too late.
    expect(await succeedJob(database.db, dead, successOf(dead))).toBe(false);
  });

  it('the lost attempt counts, so that a job that ends its machine each time is ended itself', async () => {
    const database = await freshDatabase();
    const { jobId } = await leasedBy(database, 'worker_dead', ENDED);
    await takeOver(database.db, { ended: [ENDED], alone: true });
    expect(await reapLeases(database.db, ERROR)).toMatchObject({ queued: [jobId] });
    expect(await rawJob(database, jobId)).toMatchObject({ status: 'queued', failures: 1 });
  });

  it('a database that nobody else can reach gives everything back: leases, messages, webhooks, keys', async () => {
    const database = await freshDatabase();
    const { db } = database;
    const told = await submitOrFail(database, { webhookUrl: 'https://example.org/hook' });
    const lease = (await claimOrFail(database, told)).lease;
    await succeedJob(db, lease, successOf(lease));
    const { jobId: leased } = await leasedBy(database, 'worker_dead', ENDED);
    const looked = await submitOrFail(database, {}, RELAYED);
    const takeAll = async () => [
      (await takeQueuedJobs(db, { max: 9, hideMs: HOUR })).map(({ jobId }) => jobId),
      (await takeOutbox(db, 9, HOUR)).map(({ jobId }) => jobId),
      (
        await takeDeliveries(database, { choose: (due) => due.map((lane) => ({ lane, count: 9 })), lockMs: HOUR })
      ).taken.map(({ jobId }) => jobId),
      (await claimKey(db, { owner: OWNER, key: 'k' }, { token: newToken(), requestHash: 'digest', holdMs: HOUR }))
        .outcome,
    ];
    const everything = [[looked], [looked], [told], 'mine'];
    expect(await takeAll()).toEqual(everything);
    expect(await takeAll()).toEqual([[], [], [], 'busy']);

    await takeOver(db, { ended: [], alone: false });
    expect(await takeAll()).toEqual([[], [], [], 'busy']);
    expect(await takeOver(db, { ended: 'all', alone: true })).toEqual([leased]);
    expect(await takeAll()).toEqual(everything);
  });
});
