import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval, toJsonb } from '../../sql.ts';
import { holds, type Lease } from '../lease.ts';
import { rankAtEnd } from '../queue-order.ts';
import { cancelRunningJob } from './cancel-job.ts';
import { FAILURE, finish } from './finish.ts';

export interface FailedAttempt {
  readonly error: JobError;
  readonly delayMs: number;
  /**
   * It may be the worker's failure after all, as far as one worker can tell: another one tries next. Two that fail prove that it
   * is the job's.
   */
  readonly elsewhere?: boolean;
}

/**
 * Ends an attempt that failed for a reason that may pass. The job goes back to the end of the queue, to be begun after
 * `delayMs`; to `failed` if it has no attempt left, or if two workers failed at it `elsewhere`; to `canceled` if that was
 * asked for. Returns what became of it, or `lost` if the caller does not hold its lease, and then nothing has changed.
 */
export async function retryJob(
  db: Db,
  lease: Lease,
  { error, delayMs, elsewhere = false }: FailedAttempt,
): Promise<'queued' | 'failed' | 'canceled' | 'lost'> {
  const delay = interval(delayMs);
  const isSecondWorker = sql`(${elsewhere} and exists (select from unnest(failed_on) as one where one <> worker_id))`;
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, failures = failures + 1,
        run_after = now() + ${delay}, visible_at = now() + ${delay}, queue_rank = ${rankAtEnd(delayMs)},
        failed_on = case when ${elsewhere} then array_append(failed_on, worker_id) else failed_on end,
        error = ${toJsonb(error)}, event_seq = event_seq + 1
      where ${holds(lease)} and cancel_requested_at is null and failures + 1 < max_attempts and not ${isSecondWorker}
      returning id, event_seq, failures
    )
    insert into job_events (job_id, seq, type, data)
    select id, event_seq, 'job.retrying',
      jsonb_build_object('error', ${toJsonb(error)}, 'failures', failures, 'delay_ms', ${delayMs}::double precision)
    from changed`);
  if (rowCount === 1) return 'queued';
  const exhausted = await finish(db, {
    type: 'job.failed',
    where: sql`${holds(lease)} and cancel_requested_at is null`,
    error,
    set: FAILURE,
  });
  if (exhausted.length === 1) return 'failed';
  return (await cancelRunningJob(db, lease)) ? 'canceled' : 'lost';
}
