import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { type OutboxRow, unlockedRows } from '../../outbox/take-outbox.ts';

/** Deletes messages that the queue has accepted, and notes on their jobs when that was. */
export async function markSent(db: Db, sent: readonly OutboxRow[]): Promise<void> {
  // It skips rows that others have locked: a transition locks the job first and then its message, so waiting could deadlock.
  await db.execute(sql`
    with accepted as (
      delete from outbox where id = any (array(${unlockedRows(sent)})) returning job_id
    )
    update jobs set sent_at = now() where id = any (array(
      select id from jobs where id in (select job_id from accepted) and status = 'queued' for no key update skip locked
    ))`);
}
