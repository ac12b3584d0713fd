import type { Database } from '../connection/database.ts';
import type { Db } from '../connection/db.ts';
import { type SQL, sql } from '../drizzle.ts';
import { interval, textArray } from '../sql.ts';
import { type DueLane, dueLanes } from './due-lanes.ts';

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
  readonly lane: DueLane;
}

/** So many deliveries of a lane are wanted. */
export interface WantedLane {
  readonly lane: DueLane;
  readonly count: number;
}

export interface TakeRules {
  /** Which of the lanes that have something due, and how many deliveries of each. */
  readonly choose: (due: readonly DueLane[]) => readonly WantedLane[];
  /** If the caller dies, another dispatcher takes its deliveries when this time is over. */
  readonly lockMs: number;
}

/** Takes due deliveries for `lockMs`. Tells also whether there were any lanes with something due. */
export async function takeDeliveries(
  database: Database,
  { choose, lockMs }: TakeRules,
): Promise<{ readonly taken: readonly TakenDelivery[]; readonly due: number }> {
  return database.transaction(async (tx) => {
    // Both statements have an index that leads to what they need. A plan from a time at which the table was nearly empty would
    // read all of it instead, once for each lane.
    await tx.execute(
      sql`select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`,
    );
    const due = await dueLanes(tx);
    const wanted = choose(due);
    return { taken: wanted.length === 0 ? [] : await takeFrom(tx, wanted, lockMs), due: due.length };
  });
}

/** Deliveries that are due in the lane of a row of this table. */
const dueIn = (table: string): SQL => {
  const lane = sql.raw(table);
  return sql`
    status = 'pending' and receiver = ${lane}.receiver and owner = ${lane}.owner
    and greatest(next_attempt_at, locked_until) <= now()`;
};

/**
 * Takes the deliveries of each lane that are due first. In a failing lane it takes the last ones: one receiver may have many
 * addresses, and if one of them is silent, the many deliveries to it that wait must not be all that is tried. A trial of a receiver whose breaker is open is made by one dispatcher: by
 * the one that moves `retry_at`. If it dies, another trial is made when `lockMs` is over.
 */
async function takeFrom(tx: Db, wanted: readonly WantedLane[], lockMs: number): Promise<readonly TakenDelivery[]> {
  const owners = wanted.map(({ lane }) => lane.owner);
  const receivers = wanted.map(({ lane }) => lane.receiver);
  const { rows } = await tx.execute<{
    id: string;
    job_id: string;
    event_type: string;
    url: string;
    attempt: number;
    secret: string | null;
    place: number;
  }>(sql`
    with wanted as (
      select * from unnest(
        ${textArray(owners)}, ${textArray(receivers)},
        ${sql.param(wanted.map(({ count }) => count))}::int[], ${sql.param(wanted.map(({ lane }) => lane.trial))}::boolean[],
        ${sql.param(wanted.map(({ lane }) => lane.standing === 'failing'))}::boolean[]
      ) with ordinality as each (owner, receiver, count, trial, failing, place)
    ), trial as (
      update webhook_receivers as state set retry_at = now() + ${interval(lockMs)}
      from (
        select wanted.place, free.* from wanted, lateral (
          select owner, receiver from webhook_receivers
          where owner = wanted.owner and receiver = wanted.receiver and retry_at <= now() for update skip locked
        ) as free
        where wanted.trial
      ) as mine
      where state.owner = mine.owner and state.receiver = mine.receiver
      returning mine.place
    ), allowed as (
      select * from wanted where not trial or place in (select place from trial)
    ), picked as (
      select allowed.place, due.id from allowed, lateral (
        select id from webhook_deliveries where ${dueIn('allowed')}
        order by greatest(next_attempt_at, locked_until) limit allowed.count for update skip locked
      ) as due
      where not allowed.failing
      union all
      select allowed.place, due.id from allowed, lateral (
        select id from webhook_deliveries where ${dueIn('allowed')}
        order by greatest(next_attempt_at, locked_until) desc limit allowed.count for update skip locked
      ) as due
      where allowed.failing
    )
    update webhook_deliveries as delivery set locked_until = now() + ${interval(lockMs)}
    from picked, jobs
    -- The array is there for the planner, which cannot know that picked has few rows.
    where delivery.id = any (array(select id from picked)) and delivery.id = picked.id and jobs.id = delivery.job_id
    returning delivery.id, job_id, event_type, url, delivery.attempt, jobs.webhook_secret as secret, picked.place::int as place`);
  return rows.flatMap(({ id, job_id, event_type, url, attempt, secret, place }) => {
    const lane = wanted[place - 1]?.lane;
    return lane === undefined
      ? []
      : [{ id, jobId: job_id, eventType: event_type, url, attempt, secret: secret ?? undefined, lane }];
  });
}
