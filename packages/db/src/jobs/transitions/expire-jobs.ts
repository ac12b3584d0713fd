import { ERRORS, type JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval, toJsonb } from '../../sql.ts';
import { finish } from './finish.ts';

/** One call ends at most so many jobs. */
const BATCH = 100;

/** What callers may read of the error that ended a job's last attempt. Its message is for operators. */
const TITLES = toJsonb(Object.fromEntries(Object.entries(ERRORS).map(([code, { title }]) => [code, title])));

/**
 * Ends jobs whose deadline has passed, queued or running, and returns their ids. Each error also says what the job met last, or
 * that nobody has begun it. The lease of a worker that still runs one is lost by this.
 */
export async function expireJobs(db: Db, passed: JobError): Promise<readonly string[]> {
  const met = sql`case
    when attempt = 0 then ' No worker was free and able to begin it.'
    when error is null then ''
    else ' Its last attempt ended with ' || (error ->> 'code') || coalesce(': ' || (${TITLES} ->> (error ->> 'code')), '') || '.'
  end`;
  return finish(db, {
    type: 'job.expired',
    where: sql`jobs.id = any (array(
        select id from jobs where status in ('queued', 'running') and deadline_at <= now()
        order by deadline_at limit ${BATCH} for update skip locked
      )) and jobs.status in ('queued', 'running')`,
    error: sql`${toJsonb(passed)} || jsonb_build_object('message', ${passed.message}::text || ${met})`,
  });
}

/**
 * Gives a deadline to open jobs that have none, because a version without default deadlines accepted them: `deadlineMs` from now.
 * Returns how many there were, `limit` at most.
 */
export async function addMissingDeadlines(db: Db, deadlineMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    update jobs set deadline_at = now() + ${interval(deadlineMs)} where id = any (array(
      select id from jobs where status in ('queued', 'running') and deadline_at is null
      limit ${limit} for no key update skip locked
    ))`);
  return rowCount ?? 0;
}
