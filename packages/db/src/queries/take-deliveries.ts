import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { ms } from '../transitions/lease.ts';
import type { DueDelivery } from './webhooks.ts';

export interface TakenDelivery extends DueDelivery {
  /** Host and port of its URL, as they are written there. */
  readonly receiver: string;
}

/** Receivers are told apart by what stands between the scheme and the path. */
const receiverOf = sql`substring(url from '^[^:]*://([^/?#]*)')`;

/**
 * Takes deliveries that are due for `lockMs`, but none to a receiver that is busy. Who dies with one leaves it to another
 * dispatcher when that time is over.
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
    update webhook_deliveries as delivery set locked_until = now() + ${ms(lockMs)}
    from jobs
    where jobs.id = delivery.job_id and delivery.id = any (array(
      select id from webhook_deliveries
      where status = 'pending' and next_attempt_at <= now() and (locked_until is null or locked_until <= now())
        and coalesce(${receiverOf}, '') <> all (${sql.param(busy)}::text[])
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
