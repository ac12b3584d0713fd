import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';

/** What is known of a receiver: whether it answered the last attempt, soon or late. `new`: it was not called lately. */
export type Standing = 'quick' | 'new' | 'slow' | 'failing';

/** The webhooks of one owner to one receiver. */
export interface Lane {
  readonly owner: string;
  readonly receiver: string;
}

/** A lane with something due, to a receiver that may be called now. */
export interface DueLane extends Lane {
  readonly standing: Standing;
  /** True if the breaker is open: this is one trial. */
  readonly trial: boolean;
}

/**
 * Lanes with something due, those first that could have been called for the longest time. A lane whose breaker is open is not among them
 * before its next trial. It jumps from lane to lane in the index (a loose index scan), so that it reads some rows for each lane
 * that has pending deliveries, however many these are.
 */
export async function dueLanes(db: Db): Promise<readonly DueLane[]> {
  const { rows } = await db.execute<{ owner: string; receiver: string; standing: Standing; trial: boolean }>(sql`
    with recursive lane as (
      (
        select receiver, owner from webhook_deliveries
        where status = 'pending' and receiver is not null order by receiver, owner limit 1
      )
      union all
      select following.receiver, following.owner from lane, lateral (
        select receiver, owner from webhook_deliveries
        where status = 'pending' and (receiver, owner) > (lane.receiver, lane.owner) order by receiver, owner limit 1
      ) as following
    )
    select lane.owner, lane.receiver, state.retry_at is not null as trial,
      case when state.failures is null then 'new' when state.failures > 0 then 'failing' when state.slow then 'slow' else 'quick' end
        as standing
    from lane cross join lateral (
      select greatest(next_attempt_at, locked_until) as due from webhook_deliveries
      where status = 'pending' and receiver = lane.receiver and owner = lane.owner
      order by greatest(next_attempt_at, locked_until) limit 1
    ) as oldest
    left join webhook_receivers as state on state.owner = lane.owner and state.receiver = lane.receiver
    where oldest.due <= now() and (state.retry_at is null or state.retry_at <= now())
    order by greatest(oldest.due, state.retry_at)`);
  return rows;
}
