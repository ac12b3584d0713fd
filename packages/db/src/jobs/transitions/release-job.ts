import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { toJsonb } from '../../sql.ts';
import { holds, type Lease } from '../lease.ts';
import { rankAtEnd } from '../queue-order.ts';
import { cancelRunningJob } from './cancel-job.ts';

/**
 * Gives a job back for another worker to begin at once, as a worker does that is being stopped or that cannot work. The attempt
 * does not count as failed, and the job goes to the end of the queue. `met`: the trouble that ended the attempt; the job keeps
 * the last one, so that its expiry can name it. A job that was asked to stop becomes `canceled`. Returns `lost` if the caller
 * does not hold its lease.
 */
export async function releaseJob(db: Db, lease: Lease, met?: JobError): Promise<'queued' | 'canceled' | 'lost'> {
  const error = met === undefined ? sql`error` : toJsonb(met);
  const data = toJsonb(met === undefined ? {} : { code: met.code });
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, run_after = now(), visible_at = now(),
        queue_rank = ${rankAtEnd()}, error = ${error}, event_seq = event_seq + 1
      where ${holds(lease)} and cancel_requested_at is null
      returning id, event_seq
    ), event as (
      insert into job_events (job_id, seq, type, data) select id, event_seq, 'job.released', ${data} from changed
    )
    select pg_notify(${QUEUE_CHANNEL}, '') from changed`);
  if (rowCount === 1) return 'queued';
  return (await cancelRunningJob(db, lease)) ? 'canceled' : 'lost';
}
