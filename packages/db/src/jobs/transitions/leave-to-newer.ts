import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { holds, type Lease } from '../lease.ts';
import { cancelRunningJob } from './cancel-job.ts';

/**
 * Gives back a job that the caller does not understand, for workers of `needsVersion` and later: it keeps its place in the queue,
 * the attempt does not count as failed, and earlier workers see it no more. A job that was asked to stop becomes `canceled`.
 * Returns `lost` if the caller does not hold its lease.
 */
export async function leaveToNewer(
  db: Db,
  lease: Lease,
  needsVersion: number,
): Promise<'queued' | 'canceled' | 'lost'> {
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, run_after = now(), visible_at = now(),
        needs_version = greatest(needs_version, ${needsVersion}), event_seq = event_seq + 1
      where ${holds(lease)} and cancel_requested_at is null
      returning id, event_seq
    ), event as (
      insert into job_events (job_id, seq, type) select id, event_seq, 'job.released' from changed
    )
    select pg_notify(${QUEUE_CHANNEL}, '') from changed`);
  if (rowCount === 1) return 'queued';
  return (await cancelRunningJob(db, lease)) ? 'canceled' : 'lost';
}
