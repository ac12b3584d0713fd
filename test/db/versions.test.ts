import { expect, it } from 'vitest';
import { CONTRACT_VERSION } from '../../packages/contract/src/index.ts';
import {
  createQueueTable,
  type Database,
  handleDeadLetter,
  leaveToNewer,
  reportWorker,
  requestCancel,
  resendQueued,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import { claimOrFail, ERROR, eventTypes, HOUR, OWNER, rawJob, submitOrFail, tryClaim } from './jobs.ts';

const NEWER = CONTRACT_VERSION + 1;

async function submitForNewer(database: Database, relayed = false): Promise<string> {
  const id = await submitOrFail(database, {}, { relayed });
  await database.pool.query('update jobs set needs_version = $2 where id = $1', [id, NEWER]);
  return id;
}

const worker = (id: string, contractVersion: number) => ({
  ...{ id, host: 'here', pid: 1, device: 'cpu', gpuId: null, ready: true, model: null, lastError: null },
  contractVersion,
});

it('a job that needs a later version is neither seen nor waited for by older workers, and cannot be claimed by them', async () => {
  const database = await freshDatabase();
  const id = await submitForNewer(database);
  const [older, newer] = [createQueueTable(database.db), createQueueTable(database.db, NEWER)];
  // Without a time to wake up at, an idle worker asks no more often than it does anyway.
  expect(await older.nextVisibleMs()).toBeUndefined();
  expect(await older.take({ max: 9, hideMs: 0 })).toEqual([]);
  expect(await tryClaim(database, id)).toEqual({ outcome: 'newer', needsVersion: NEWER });
  expect(await newer.nextVisibleMs()).toBeLessThanOrEqual(0);
  expect(await newer.take({ max: 9, hideMs: 0 })).toMatchObject([{ jobId: id }]);
  await requestCancel(database.db, { owner: OWNER, id });
  expect(await tryClaim(database, id)).toEqual({ outcome: 'done' });
});

it('a job that is left to newer workers keeps its place and its attempts, and is fenced as any other', async () => {
  const database = await freshDatabase();
  const id = await submitOrFail(database);
  const { queue_rank } = (await rawJob(database, id))!;
  const { lease } = await claimOrFail(database, id);
  expect(await leaveToNewer(database.db, { ...lease, token: 'another' }, NEWER)).toBe('lost');
  expect(await leaveToNewer(database.db, lease, NEWER)).toBe('queued');
  expect(await rawJob(database, id)).toMatchObject({ queue_rank, needs_version: NEWER, failures: 0, status: 'queued' });
  const asked = await submitOrFail(database);
  const held = (await claimOrFail(database, asked)).lease;
  await requestCancel(database.db, { owner: OWNER, id: asked });
  expect(await leaveToNewer(database.db, held, NEWER)).toBe('canceled');
  expect(await eventTypes(database, asked)).toContain('job.canceled');
  expect(await findTableViolations(database.pool)).toEqual([]);
});

it('deliveries to workers that leave a job to newer ones never make it poison', async () => {
  const database = await freshDatabase();
  const id = await submitForNewer(database, true);
  const handle = () => handleDeadLetter(database.db, id, { maxRedrives: 2, error: ERROR });
  await reportWorker(database.db, worker('worker_old', CONTRACT_VERSION));
  await reportWorker(database.db, worker('worker_new', NEWER));
  for (let n = 0; n < 5; n++) expect(await handle()).toBe('sent_again');
  expect(await rawJob(database, id)).toMatchObject({ status: 'queued', redrives: 0 });
  // Once all workers understand it, it is as any other.
  await reportWorker(database.db, worker('worker_old', NEWER));
  expect([await handle(), await handle()]).toEqual(['sent_again', 'failed']);
});

it('a job that no worker understands yet is not sent again and again, but is as soon as one does', async () => {
  const database = await freshDatabase();
  const id = await submitForNewer(database, true);
  await takeOutbox(database.db, 9, HOUR);
  await database.pool.query(
    `with old as (update jobs set created_at = now() - interval '2 hours', run_after = now() - interval '2 hours')
     delete from outbox`,
  );
  await reportWorker(database.db, worker('worker_old', CONTRACT_VERSION));
  expect(await resendQueued(database.db, HOUR, 100)).toBe(0);
  await reportWorker(database.db, worker('worker_new', NEWER));
  expect(await resendQueued(database.db, HOUR, 100)).toBe(1);
  expect(await takeOutbox(database.db, 9, HOUR)).toMatchObject([{ jobId: id }]);
});
