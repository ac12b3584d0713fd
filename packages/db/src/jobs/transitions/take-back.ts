import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { textArray } from '../../sql.ts';
import type { Lease } from '../lease.ts';
import { releaseJob } from './release-job.ts';

/**
 * Gives back a lease that ran out while its worker could not reach the database. The worker has lived on, so the lost attempt is
 * nobody's failure: if the job still runs under the lease it is released, and if the lease was already counted as lost that
 * failure is taken back, once. A worker that died cannot say so, and its lease counts. Returns what became of it; `lost`:
 * nothing has changed.
 */
export async function returnLostLease(db: Db, lease: Lease): Promise<'queued' | 'canceled' | 'taken_back' | 'lost'> {
  const released = await releaseJob(db, lease);
  if (released !== 'lost') return released;
  const { rowCount } = await db.execute(sql`
    update jobs set failures = failures - 1, lost_leases = array_remove(lost_leases, ${lease.token})
    where id = ${lease.jobId} and ${lease.token} = any (lost_leases) and status in ('queued', 'running')`);
  return rowCount === 1 ? 'taken_back' : 'lost';
}

/**
 * Takes back the failures that a worker has cost these jobs, because the worker has found them to be its own. Those
 * that wait for their retry may be begun at once.
 */
export async function forgiveFailures(db: Db, workerId: string, jobIds: readonly string[]): Promise<void> {
  await db.execute(sql`
    with changed as (
      update jobs set
        failures = failures - cardinality(array_positions(failed_on, ${workerId})),
        failed_on = array_remove(failed_on, ${workerId}),
        run_after = least(run_after, now()), visible_at = least(visible_at, now())
      where id = any (${textArray(jobIds)}) and ${workerId} = any (failed_on) and status in ('queued', 'running')
    )
    select pg_notify(${QUEUE_CHANNEL}, '')`);
}
