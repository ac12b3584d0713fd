import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval } from '../../sql.ts';
import { finish } from './finish.ts';

/** A message may lie in the dead-letter queue for some time before it is looked at. */
const LATELY_MS = 600_000;

/**
 * Decides about a job whose message came out of the dead-letter queue. A leased job is healthy: it was delivered too often, but
 * it did not fail. A queued one is sent once more, with its place in the queue; if its message has come back `maxRedrives` times,
 * it becomes `failed`. `done`: the job is final or deleted. Deliveries to workers of an earlier version, which leave the job to
 * newer ones, say nothing about it: while there are such workers, they don't count.
 */
export async function handleDeadLetter(
  db: Db,
  jobId: string,
  { maxRedrives, error }: { readonly maxRedrives: number; readonly error: JobError },
): Promise<'healthy' | 'sent_again' | 'failed' | 'done'> {
  const leftToNewer = sql`exists (
    select from workers where contract_version < jobs.needs_version and heartbeat_at > now() - ${interval(LATELY_MS)}
  )`;
  const failed = await finish(db, {
    type: 'job.failed',
    where: sql`jobs.id = ${jobId} and jobs.status = 'queued' and jobs.redrives + 1 >= ${maxRedrives}
      and not ${leftToNewer}`,
    error,
  });
  if (failed.length === 1) return 'failed';
  const { rowCount } = await db.execute(sql`
    with changed as (
      update jobs set redrives = redrives + case when ${leftToNewer} then 0 else 1 end, sent_at = now() where id = ${jobId} and status = 'queued'
      returning id, owner
    )
    insert into outbox (job_id, owner) select id, owner from changed`);
  if (rowCount === 1) return 'sent_again';
  const { rows } = await db.execute(sql`select from jobs where id = ${jobId} and status = 'running'`);
  return rows.length === 1 ? 'healthy' : 'done';
}
