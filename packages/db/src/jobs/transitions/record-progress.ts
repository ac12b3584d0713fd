import type { JobProgress, PreviewData } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { toJsonb } from '../../sql.ts';
import { holds, type Lease } from '../lease.ts';

/** Writes where the running job is, into its row and as an event. Returns false, changing nothing, without the lease. */
export async function recordProgress(db: Db, lease: Lease, { stage, step, total }: JobProgress): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set
        stage_started_at = case when stage is distinct from ${stage} then now() else stage_started_at end,
        stage = ${stage}, step = ${step}, total = ${total}, event_seq = event_seq + 1
      where ${holds(lease)}
      returning id, event_seq
    )
    insert into job_events (job_id, seq, type, data)
    select id, event_seq, 'job.progress', ${toJsonb({ stage, step, total })} from changed`);
  return rowCount === 1;
}

/** Adds a small picture of the unfinished result as an event. Returns false, changing nothing, without the lease. */
export async function recordPreview(db: Db, lease: Lease, preview: PreviewData): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set event_seq = event_seq + 1 where ${holds(lease)} returning id, event_seq
    )
    insert into job_events (job_id, seq, type, data)
    select id, event_seq, 'job.preview', ${toJsonb(preview)} from changed`);
  return rowCount === 1;
}
