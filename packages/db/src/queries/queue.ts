import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';

/** Milliseconds until the next queued job is visible; undefined where none is to come. */
export async function nextVisibleMs(db: Db): Promise<number | undefined> {
  const { rows } = await db.execute<{ wait_ms: number | null }>(sql`
    select case when isfinite(visible_at) then extract(epoch from visible_at - now()) * 1000 end::double precision as wait_ms
    from jobs where status = 'queued' order by visible_at, id limit 1`);
  return rows[0]?.wait_ms ?? undefined;
}

export interface JobCounts {
  readonly queued: number;
  readonly running: number;
  /** Age of the oldest job that may be begun and is not, in seconds. */
  readonly oldestQueuedSeconds: number;
}

/** What waits and what runs, over all owners. */
export async function countJobs(db: Db): Promise<JobCounts> {
  const { rows } = await db.execute<{ queued: number; running: number; oldest: number | null }>(sql`
    select count(*)::int as queued,
      (select count(*) from jobs where status = 'running')::int as running,
      extract(epoch from now() - min(run_after) filter (where run_after <= now()))::double precision as oldest
    from jobs where status = 'queued'`);
  const row = rows[0];
  return { queued: row?.queued ?? 0, running: row?.running ?? 0, oldestQueuedSeconds: row?.oldest ?? 0 };
}
