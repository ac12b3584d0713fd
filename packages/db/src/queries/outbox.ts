import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { ms } from '../transitions/lease.ts';

export interface OutboxRow {
  readonly id: number;
  readonly jobId: string;
  readonly owner: string;
}

/**
 * Takes messages to send for `lockMs`, oldest first. Who dies before `markSent` leaves them to be sent by another, again.
 * What has become needless is deleted instead, because its job is no longer queued.
 */
export async function takeOutbox(db: Db, limit: number, lockMs: number): Promise<readonly OutboxRow[]> {
  const { rows } = await db.execute<{ id: string; job_id: string; owner: string }>(sql`
    with taken as materialized (
      select outbox.id, jobs.status from outbox join jobs on jobs.id = outbox.job_id
      where available_at <= now() order by outbox.id limit ${limit} for update of outbox skip locked
    ), needless as (
      delete from outbox using taken where outbox.id = taken.id and taken.status <> 'queued'
    )
    update outbox set available_at = now() + ${ms(lockMs)}
    from taken where outbox.id = taken.id and taken.status = 'queued'
    returning outbox.id, job_id, owner`);
  return rows.map(({ id, job_id, owner }) => ({ id: Number(id), jobId: job_id, owner })).sort((a, b) => a.id - b.id);
}

/** Forgets messages that the queue has taken. */
export async function markSent(db: Db, sent: readonly OutboxRow[]): Promise<void> {
  // Waits for nobody: a transition locks the job first and its message then, so that waiting here would be a deadlock.
  await db.execute(sql`
    with gone as (
      delete from outbox where id = any (array(${unlocked(sent)})) returning job_id
    )
    update jobs set sent_at = now() where id = any (array(
      select id from jobs where id in (select job_id from gone) and status = 'queued' for no key update skip locked
    ))`);
}

/** Gives messages that the queue has not taken to the next round. */
export async function returnToOutbox(db: Db, rows: readonly OutboxRow[], delayMs: number): Promise<void> {
  await db.execute(sql`
    update outbox set available_at = now() + ${ms(delayMs)} where id = any (array(${unlocked(rows)}))`);
}

/** Ids of those rows that nobody works on: a row that is locked is being deleted, or was taken by another meanwhile. */
function unlocked(rows: readonly OutboxRow[]): SQL {
  const ids = rows.map(({ id }) => id);
  return sql`select id from outbox where id = any (${sql.param(ids)}::bigint[]) for update skip locked`;
}

/**
 * Writes anew the messages of queued jobs that have waited for longer than `waitedMs` since they were last sent: to be called
 * where the queue has shown itself empty, so that their messages must be gone. Returns how many.
 */
export async function resendQueued(db: Db, waitedMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    with lost as (
      update jobs set sent_at = now()
      where id = any (array(
        select id from jobs
        where status = 'queued' and greatest(sent_at, run_after, created_at) < now() - ${ms(waitedMs)}
          and not exists (select from outbox where job_id = jobs.id)
        order by visible_at, id limit ${limit} for update skip locked
      ))
      returning id, owner
    )
    insert into outbox (job_id, owner) select id, owner from lost`);
  return rowCount ?? 0;
}
