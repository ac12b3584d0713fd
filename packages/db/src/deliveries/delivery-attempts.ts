import type { Db } from '../connection/db.ts';
import { type SQL, sql } from '../drizzle.ts';
import { interval, toJsonb } from '../sql.ts';
import type { Lane } from './due-lanes.ts';

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

/** When a receiver is left alone: after some attempts in a row without an answer, for a time that doubles with each further one. */
export interface BreakerRules {
  readonly failures: number;
  readonly firstMs: number;
  readonly maxMs: number;
}

/** What an attempt tells of its receiver. */
export interface ReceiverSign {
  /** Any answer counts, also an error. */
  readonly answered: boolean;
  readonly slow: boolean;
}

/**
 * Adds an attempt to the log of a pending delivery, does what follows from it, and keeps what it tells of the receiver, if it
 * tells anything. It changes no delivery that has ended. Returns true if the receiver's breaker is open now.
 */
export async function recordAttempt(
  db: Db,
  id: string,
  attempt: DeliveryAttempt,
  result: AttemptResult,
  { sign, breaker }: { readonly sign: ReceiverSign | undefined; readonly breaker: BreakerRules },
): Promise<boolean> {
  const delayMs = result.status === 'pending' ? result.delayMs : 0;
  const { answered = true, slow = false } = sign ?? {};
  const { rows } = await db.execute<{ open: boolean }>(sql`
    with recorded as (
      update webhook_deliveries set
        status = ${result.status}, attempt = attempt + 1, log = log || ${toJsonb([attempt])},
        first_due_at = case when attempt = 0 then next_attempt_at else first_due_at end,
        locked_until = null, next_attempt_at = now() + ${interval(delayMs)},
        completed_at = case when ${result.status} = 'pending' then null else now() end
      where id = ${id} and status = 'pending'
      returning owner, receiver
    ), told as (
      insert into webhook_receivers as state (owner, receiver, failures, slow, retry_at)
      select owner, receiver, ${answered ? 0 : 1}::int, ${slow}::boolean, ${answered ? sql`null` : retryAt(sql`1`, breaker)}
      from recorded where receiver is not null and ${sign !== undefined}::boolean
      on conflict (owner, receiver) do update set
        failures = ${answered ? sql`0` : sql`state.failures + 1`}, slow = excluded.slow, updated_at = now(),
        retry_at = ${answered ? sql`null` : retryAt(sql`state.failures + 1`, breaker)}
      -- What is known already is not written again with each attempt: many go to one receiver at the same time.
      where not ${answered}::boolean or state.failures > 0 or state.slow <> excluded.slow
        or state.updated_at < now() - interval '1 hour'
      returning retry_at is not null as open
    )
    select open from told`);
  return rows[0]?.open ?? false;
}

/** The time of the next trial after so many failures in a row; null while they are too few to open the breaker. */
function retryAt(failures: SQL, { failures: most, firstMs, maxMs }: BreakerRules): SQL {
  const waitMs = sql`least(${maxMs}::double precision, ${firstMs}::double precision * 2 ^ least(${failures} - ${most}::int, 30))`;
  return sql`case when ${failures} >= ${most}::int then now() + ${waitMs} * interval '1 millisecond' end`;
}

/**
 * Gives up deliveries that a breaker has held back for longer than their whole schedule takes: `scheduleMs` from the time at which
 * their first attempt was due. Returns how many, at most `limit`.
 */
export async function giveUpHeld(
  db: Db,
  { owner, receiver }: Lane,
  attempt: DeliveryAttempt,
  { scheduleMs, limit }: { readonly scheduleMs: number; readonly limit: number },
): Promise<number> {
  const { rowCount } = await db.execute(sql`
    update webhook_deliveries set
      status = 'failed', log = log || ${toJsonb([attempt])}, locked_until = null, completed_at = now()
    where id = any (array(
      select id from webhook_deliveries
      where status = 'pending' and receiver = ${receiver} and owner = ${owner}
        and greatest(next_attempt_at, locked_until) <= now()
        and coalesce(case when attempt = 0 then next_attempt_at else first_due_at end, created_at)
          <= now() - ${interval(scheduleMs)}
      order by greatest(next_attempt_at, locked_until) limit ${limit} for update skip locked
    ))`);
  return rowCount ?? 0;
}

/** Forgets receivers that were not called for `olderThanMs`. */
export async function deleteSilentReceivers(db: Db, olderThanMs: number): Promise<void> {
  await db.execute(sql`delete from webhook_receivers where updated_at < now() - ${interval(olderThanMs)}`);
}
