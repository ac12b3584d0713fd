import type { Db } from '../connection/db.ts';
import { type SQL, sql } from '../drizzle.ts';
import { interval } from '../sql.ts';

/** A message that was promised by a commit and is still to be sent. */
export interface OutboxRow {
  readonly id: number;
  readonly jobId: string;
  readonly owner: string;
}

/**
 * Takes messages to send for `lockMs`, oldest first. If the caller dies before `markSent`, another dispatcher sends them again.
 * Messages of jobs that are no longer queued are deleted instead.
 */
export async function takeOutbox(db: Db, limit: number, lockMs: number): Promise<readonly OutboxRow[]> {
  const { rows } = await db.execute<{ id: string; job_id: string; owner: string }>(sql`
    with taken as materialized (
      select outbox.id, jobs.status from outbox join jobs on jobs.id = outbox.job_id
      where available_at <= now() order by outbox.id limit ${limit} for update of outbox skip locked
    ), needless as (
      delete from outbox using taken where outbox.id = taken.id and taken.status <> 'queued'
    )
    update outbox set available_at = now() + ${interval(lockMs)}
    from taken where outbox.id = taken.id and taken.status = 'queued'
    returning outbox.id, job_id, owner`);
  return rows.map(({ id, job_id, owner }) => ({ id: Number(id), jobId: job_id, owner })).sort((a, b) => a.id - b.id);
}

/** Leaves messages that the queue has not accepted to be taken again after `delayMs`. */
export async function returnToOutbox(db: Db, rows: readonly OutboxRow[], delayMs: number): Promise<void> {
  await db.execute(sql`
    update outbox set available_at = now() + ${interval(delayMs)} where id = any (array(${unlockedRows(rows)}))`);
}

/** Ids of those rows that nobody has locked: a locked row is being deleted, or another dispatcher has taken it meanwhile. */
export function unlockedRows(rows: readonly OutboxRow[]): SQL {
  const ids = rows.map(({ id }) => id);
  return sql`select id from outbox where id = any (${sql.param(ids)}::bigint[]) for update skip locked`;
}
