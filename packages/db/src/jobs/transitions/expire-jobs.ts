import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { finish } from './finish.ts';

/** One call ends at most so many jobs. */
const BATCH = 100;

/**
 * Ends jobs whose deadline has passed, queued or running, and returns their ids. The lease of a worker that still runs one is
 * lost by this.
 */
export async function expireJobs(db: Db, passed: JobError): Promise<readonly string[]> {
  return finish(db, {
    type: 'job.expired',
    where: sql`jobs.id = any (array(
        select id from jobs where status in ('queued', 'running') and deadline_at <= now()
        order by deadline_at limit ${BATCH} for update skip locked
      )) and jobs.status in ('queued', 'running')`,
    error: passed,
  });
}
