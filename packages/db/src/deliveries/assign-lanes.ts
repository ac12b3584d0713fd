import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { textArray } from '../sql.ts';
import { receiverOf } from './receiver-of.ts';

/**
 * Gives pending deliveries their lane, the owner of the job and the receiver, if whoever ended the job has not: rows of older
 * versions, and URLs that SQL cannot read. It takes from both ends, so that many old ones do not keep a new one waiting. Returns
 * how many there were, at most `limit`.
 */
export async function assignLanes(db: Db, limit: number): Promise<number> {
  const half = Math.ceil(limit / 2);
  const { rows } = await db.execute<{ id: string; url: string; owner: string }>(sql`
    select delivery.id, delivery.url, jobs.owner
    from (
      (
        select id, url, job_id from webhook_deliveries where status = 'pending' and receiver is null
        order by receiver, owner, greatest(next_attempt_at, locked_until) limit ${half}
      ) union (
        select id, url, job_id from webhook_deliveries where status = 'pending' and receiver is null
        order by receiver desc, owner desc, greatest(next_attempt_at, locked_until) desc limit ${half}
      )
    ) as delivery join jobs on jobs.id = delivery.job_id`);
  if (rows.length === 0) return 0;
  const ids = textArray(rows.map(({ id }) => id));
  const owners = textArray(rows.map(({ owner }) => owner));
  const receivers = textArray(rows.map(({ url }) => receiverOf(url)));
  // A row that somebody has locked gets its lane in a later call: two dispatchers that wait for each other's rows would deadlock.
  await db.execute(sql`
    update webhook_deliveries as delivery set owner = lane.owner, receiver = lane.receiver
    from unnest(${ids}, ${owners}, ${receivers}) as lane (id, owner, receiver)
    where delivery.id = lane.id and delivery.id = any (array(
      select id from webhook_deliveries where id = any (${ids}) and receiver is null for update skip locked
    ))`);
  return rows.length;
}
