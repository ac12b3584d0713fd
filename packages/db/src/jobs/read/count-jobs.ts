import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';

export interface JobCounts {
  readonly queued: number;
  readonly running: number;
  /** Age in seconds of the oldest job that may be begun and was not. */
  readonly oldestQueuedSeconds: number;
}

/** Counts what waits and what runs, over all owners. */
export async function countJobs(db: Db): Promise<JobCounts> {
  const { rows } = await db.execute<{ queued: number; running: number; oldest: number | null }>(sql`
    select count(*)::int as queued,
      (select count(*) from jobs where status = 'running')::int as running,
      extract(epoch from now() - min(run_after) filter (where run_after <= now()))::double precision as oldest
    from jobs where status = 'queued'`);
  const row = rows[0];
  return { queued: row?.queued ?? 0, running: row?.running ?? 0, oldestQueuedSeconds: row?.oldest ?? 0 };
}
