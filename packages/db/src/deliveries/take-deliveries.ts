import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval, textArray } from '../sql.ts';

/** A webhook that is to be delivered now, by the caller. */
export interface TakenDelivery {
  readonly id: string;
  readonly jobId: string;
  readonly eventType: string;
  readonly url: string;
  /** Attempts before this one. */
  readonly attempt: number;
  /** The secret of this job, if it has one of its own. */
  readonly secret: string | undefined;
  /** Host and port of the URL, as they are written there. */
  readonly receiver: string;
}

/** A receiver is what stands between the scheme and the path of its URL. */
const receiverOf = sql`substring(url from '^[^:]*://([^/?#]*)')`;

/**
 * Takes due deliveries for `lockMs`, but none to a busy receiver. If the caller dies, another dispatcher takes them when that time
 * is over.
 */
export async function takeDeliveries(
  db: Db,
  { limit, lockMs, busy }: { readonly limit: number; readonly lockMs: number; readonly busy: readonly string[] },
): Promise<readonly TakenDelivery[]> {
  const { rows } = await db.execute<{
    id: string;
    job_id: string;
    event_type: string;
    url: string;
    attempt: number;
    secret: string | null;
    receiver: string | null;
  }>(sql`
    update webhook_deliveries as delivery set locked_until = now() + ${interval(lockMs)}
    from jobs
    where jobs.id = delivery.job_id and delivery.id = any (array(
      select id from webhook_deliveries
      where status = 'pending' and next_attempt_at <= now() and (locked_until is null or locked_until <= now())
        and coalesce(${receiverOf}, '') <> all (${textArray(busy)})
      order by next_attempt_at limit ${limit} for update skip locked
    ))
    returning delivery.id, job_id, event_type, url, delivery.attempt, jobs.webhook_secret as secret, ${receiverOf} as receiver`);
  return rows.map((row) => ({
    id: row.id,
    jobId: row.job_id,
    eventType: row.event_type,
    url: row.url,
    attempt: row.attempt,
    secret: row.secret ?? undefined,
    receiver: row.receiver ?? '',
  }));
}
