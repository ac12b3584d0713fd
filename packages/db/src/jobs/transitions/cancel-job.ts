import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { holds, type Lease } from '../lease.ts';
import { finish } from './finish.ts';

/**
 * Asks a job to stop. A queued one becomes `canceled` at once; a running one is marked, and its worker stops it within a segment
 * of its step. A final one stays as it is: asking twice, or too late, is no error. Returns false if the owner has no such job.
 */
export async function requestCancel(
  db: Db,
  { owner, id }: { readonly owner: string; readonly id: string },
): Promise<boolean> {
  // A job may be claimed or given back between the two statements; then both are tried again.
  for (;;) {
    const queued = sql`jobs.id = ${id} and jobs.owner = ${owner} and jobs.status = 'queued'`;
    if ((await finish(db, { type: 'job.canceled', where: queued })).length === 1) return true;
    const { rowCount } = await db.execute(sql`
      with changed as (
        update jobs set cancel_requested_at = now(), event_seq = event_seq + 1
        where id = ${id} and owner = ${owner} and status = 'running' and cancel_requested_at is null
        returning id, event_seq
      )
      insert into job_events (job_id, seq, type) select id, event_seq, 'job.cancel_requested' from changed`);
    if (rowCount === 1) return true;
    const { rows } = await db.execute<{ settled: boolean }>(sql`
      select status not in ('queued', 'running') or cancel_requested_at is not null as settled
      from jobs where id = ${id} and owner = ${owner}`);
    if (rows[0] === undefined) return false;
    if (rows[0].settled) return true;
  }
}

/** Moves a running job to `canceled`, if the caller holds its lease. Returns false, changing nothing, if not. */
export async function cancelRunningJob(db: Db, lease: Lease): Promise<boolean> {
  return (await finish(db, { type: 'job.canceled', where: holds(lease) })).length === 1;
}
