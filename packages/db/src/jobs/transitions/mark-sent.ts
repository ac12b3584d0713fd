import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { type OutboxRow, unlockedRows } from '../../outbox/take-outbox.ts';

/**
 * Deletes messages that the queue has accepted, and notes on their jobs when that was. Returns those that somebody else had
 * locked, be it for a moment: they are to be marked again, or they are sent again when their lock ends.
 */
export async function markSent(db: Db, sent: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
  if (sent.length === 0) return [];
  // It skips rows that others have locked: a transition locks the job first and then its message, so waiting could deadlock.
  const { rows } = await db.execute<{ id: string }>(sql`
    with accepted as (
      delete from outbox where id = any (array(${unlockedRows(sent)})) returning id, job_id
    ), noted as (
      update jobs set sent_at = now() where id = any (array(
        select id from jobs where id in (select job_id from accepted) and status = 'queued' for no key update skip locked
      ))
    )
    select id from outbox where id = any (${sql.param(sent.map(({ id }) => id))}::bigint[])
      and id not in (select id from accepted)`);
  const left = new Set(rows.map(({ id }) => Number(id)));
  return sent.filter(({ id }) => left.has(id));
}
