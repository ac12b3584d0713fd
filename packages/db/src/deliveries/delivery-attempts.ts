import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval, toJsonb } from '../sql.ts';

/** One attempt to deliver a webhook, as the log of the delivery keeps it. */
export interface DeliveryAttempt {
  readonly at: string;
  /** HTTP status, or null if there was no answer. */
  readonly status: number | null;
  readonly duration_ms: number;
  readonly error: string | null;
}

/** What follows from an attempt: the webhook is delivered, is given up, or is tried again after a delay. */
export type AttemptResult =
  | { readonly status: 'delivered' | 'failed' }
  | { readonly status: 'pending'; readonly delayMs: number };

/** Adds an attempt to the log of a pending delivery and does what follows from it. It changes no delivery that has ended. */
export async function recordAttempt(
  db: Db,
  id: string,
  attempt: DeliveryAttempt,
  result: AttemptResult,
): Promise<void> {
  const delayMs = result.status === 'pending' ? result.delayMs : 0;
  await db.execute(sql`
    update webhook_deliveries set
      status = ${result.status}, attempt = attempt + 1, log = log || ${toJsonb([attempt])},
      locked_until = null, next_attempt_at = now() + ${interval(delayMs)},
      completed_at = case when ${result.status} = 'pending' then null else now() end
    where id = ${id} and status = 'pending'`);
}
