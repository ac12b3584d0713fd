import type { JobError } from '@qwen-edit/contract';
import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { FAILURE, finish, jsonb } from './finish.ts';
import { holds, type Lease, ms } from './lease.ts';

/** Moves a job to `failed`, if the caller holds its lease. Returns false, changing nothing, when not. */
export async function failJob(db: Db, lease: Lease, error: JobError): Promise<boolean> {
  return (await finish(db, { type: 'job.failed', where: holds(lease), error, set: FAILURE })).length === 1;
}

/**
 * Ends an attempt that failed for a reason that may pass. The job goes back to `queued`, to be begun after `delayMs`; to
 * `failed` where it has no attempt left; to `canceled` where that was asked for. Returns what became of it, or `lost` when
 * the caller does not hold its lease, and then nothing has changed.
 */
export async function retryJob(
  db: Db,
  lease: Lease,
  { error, delayMs }: { readonly error: JobError; readonly delayMs: number },
): Promise<'queued' | 'failed' | 'canceled' | 'lost'> {
  const delay = ms(delayMs);
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, failures = failures + 1,
        run_after = now() + ${delay}, visible_at = now() + ${delay}, error = ${jsonb(error)}, event_seq = event_seq + 1
      where ${holds(lease)} and cancel_requested_at is null and failures + 1 < max_attempts
      returning id, event_seq, failures
    )
    insert into job_events (job_id, seq, type, data)
    select id, event_seq, 'job.retrying',
      jsonb_build_object('error', ${jsonb(error)}, 'failures', failures, 'delay_ms', ${delayMs}::double precision)
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

/** Moves a running job to `canceled`, if the caller holds its lease. Returns false, changing nothing, when not. */
export async function cancelRunningJob(db: Db, lease: Lease): Promise<boolean> {
  return (await finish(db, { type: 'job.canceled', where: holds(lease) })).length === 1;
}
