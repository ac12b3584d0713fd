import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { toJsonb } from '../../sql.ts';
import { rankAtEnd } from '../queue-order.ts';
import { FAILURE, finish } from './finish.ts';

/** One call moves at most so many jobs, so that the work after a great outage is done in short transactions. */
const BATCH = 100;

/** Ids of the jobs that a call moved, by their new state. */
export interface Reaped {
  readonly queued: readonly string[];
  readonly failed: readonly string[];
  readonly canceled: readonly string[];
}

/**
 * Takes back jobs whose lease has run out, because their worker died or cannot reach the database: to the end of the queue while
 * attempts are left, else to `failed`; to `canceled` if that was asked for. `relayed`: also writes a message to the outbox,
 * because the old one may have been lost while the job was leased.
 */
export async function reapLeases(
  db: Db,
  lost: JobError,
  { relayed = false }: { readonly relayed?: boolean } = {},
): Promise<Reaped> {
  const expired = sql`select id from jobs where status = 'running' and lease_expires_at <= now()
    order by lease_expires_at limit ${BATCH} for update skip locked`;
  const among = sql`jobs.id = any (array(${expired})) and jobs.status = 'running' and jobs.lease_expires_at <= now()`;
  const canceled = await finish(db, { type: 'job.canceled', where: sql`${among} and cancel_requested_at is not null` });
  const failed = await finish(db, {
    type: 'job.failed',
    where: sql`${among} and cancel_requested_at is null and failures + 1 >= max_attempts`,
    error: lost,
    set: FAILURE,
  });
  const { rows } = await db.execute<{ id: string }>(sql`
    with changed as (
      update jobs set
        status = 'queued', lease_token = null, lease_expires_at = null, failures = failures + 1,
        lost_leases = array_append(lost_leases, lease_token), error = ${toJsonb(lost)},
        run_after = now(), visible_at = now(), queue_rank = ${rankAtEnd()}, event_seq = event_seq + 1
      where ${among} and cancel_requested_at is null and failures + 1 < max_attempts
      returning id, owner, event_seq, failures
    ), event as (
      insert into job_events (job_id, seq, type, data)
      select id, event_seq, 'job.retrying',
        jsonb_build_object('error', ${toJsonb(lost)}, 'failures', failures, 'delay_ms', 0)
      from changed
    ), message as (
      insert into outbox (job_id, owner) select id, owner from changed where ${relayed}
    )
    select id, pg_notify(${QUEUE_CHANNEL}, '') from changed`);
  return { queued: rows.map(({ id }) => id), failed, canceled };
}
