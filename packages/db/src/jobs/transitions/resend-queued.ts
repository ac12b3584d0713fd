import { CONTRACT_VERSION } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval } from '../../sql.ts';
import { inQueueOrder } from '../queue-order.ts';

/**
 * Writes new messages for queued jobs that have waited for longer than `waitedMs` since they were last sent, in the order of the
 * queue. Call it when the queue has shown itself empty, so that their messages must have been lost. Returns how many. A job that
 * no worker understands yet is left out: workers hide its message, and each further one would be hidden too.
 */
export async function resendQueued(db: Db, waitedMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    with lost as materialized (
      select owner, ${inQueueOrder} from jobs
      where status = 'queued' and greatest(sent_at, run_after, created_at) < now() - ${interval(waitedMs)}
        and not exists (select from outbox where job_id = jobs.id)
        and needs_version <= (select coalesce(max(contract_version), ${CONTRACT_VERSION}) from workers)
      order by ${inQueueOrder} limit ${limit} for update skip locked
    ), marked as (
      update jobs set sent_at = now() from lost where jobs.id = lost.id
    )
    insert into outbox (job_id, owner) select id, owner from lost order by ${inQueueOrder}`);
  return rowCount ?? 0;
}
