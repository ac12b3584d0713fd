import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { QUEUE_CHANNEL } from '../notifier.ts';
import { cancelRunningJob } from './fail-job.ts';
import { holds, type Lease } from './lease.ts';

/**
 * Gives a job back for another worker to begin at once, as a worker does that is being stopped. The attempt does not count
 * as failed. A job that was asked to stop becomes `canceled`. Returns `lost` when the caller does not hold its lease.
 */
export async function releaseJob(db: Db, lease: Lease): Promise<'queued' | 'canceled' | 'lost'> {
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, run_after = now(), visible_at = now(),
        event_seq = event_seq + 1
      where ${holds(lease)} and cancel_requested_at is null
      returning id, event_seq
    ), event as (
      insert into job_events (job_id, seq, type) select id, event_seq, 'job.released' from changed
    )
    select pg_notify(${QUEUE_CHANNEL}, '') from changed`);
  if (rowCount === 1) return 'queued';
  return (await cancelRunningJob(db, lease)) ? 'canceled' : 'lost';
}
