import type { Db } from '../../connection/db.ts';
import { type SQL, sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { textArray } from '../../sql.ts';

/** A process that has ended, named as in its workers' rows. */
export interface EndedProcess {
  readonly host: string;
  readonly pid: number;
}

export interface TakeOver {
  /** Whose workers are certainly gone; `all` if nobody who worked on this database can reach it any more. */
  readonly ended: readonly EndedProcess[] | 'all';
  /** True if these were all that may have used the database: then what is taken without a worker's name is free too. */
  readonly alone: boolean;
}

/**
 * Frees at once what ended processes would hold until its time is over. A lease ends now: the job is then claimed or reaped as any
 * other whose lease has run out, so that the attempt counts as lost. A fencing token guards each of these, so that a late
 * statement of an ended process changes nothing. Returns the ids of the jobs whose leases have ended.
 */
export async function takeOver(db: Db, { ended, alone }: TakeOver): Promise<readonly string[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    with gone as (
      delete from workers where ${isOf(ended)} returning id
    ), changed as (
      update jobs set lease_expires_at = now()
      where status = 'running' and lease_expires_at > now() and (${ended === 'all'} or worker_id in (select id from gone))
      returning id
    )
    select id from changed`);
  if (alone) await freeUnnamed(db);
  return rows.map(({ id }) => id);
}

function isOf(ended: TakeOver['ended']): SQL {
  if (ended === 'all') return sql`true`;
  const hosts = textArray(ended.map(({ host }) => host));
  const pids = textArray(ended.map(({ pid }) => String(pid)));
  return sql`(host, pid::text) in (select * from unnest(${hosts}, ${pids}))`;
}

/** Each statement for itself, so that no two tables are locked in another order than elsewhere. */
async function freeUnnamed(db: Db): Promise<void> {
  // Jobs that were taken from the queue to be looked at.
  await db.execute(sql`
    update jobs set visible_at = greatest(run_after, now())
    where status = 'queued' and visible_at > greatest(run_after, now())`);
  await db.execute(sql`update outbox set available_at = now() where available_at > now()`);
  await db.execute(
    sql`update webhook_deliveries set locked_until = null where status = 'pending' and locked_until > now()`,
  );
  await db.execute(sql`update idempotency_keys set locked_until = now() where job_id is null and locked_until > now()`);
  await db.execute(sql`select pg_notify(${QUEUE_CHANNEL}, '')`);
}
