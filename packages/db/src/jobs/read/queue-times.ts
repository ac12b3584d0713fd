import type { Db } from '../../connection/db.ts';
import { type SQL, sql } from '../../drizzle.ts';
import { textArray } from '../../sql.ts';
import { inQueueOrder, queuePlace } from '../queue-order.ts';

export interface QueueTimes {
  /** Queued jobs before it; undefined if it does not wait. */
  readonly position: number | undefined;
  /** Seconds until its end, estimated; undefined if there is nothing to estimate from. */
  readonly eta: number | undefined;
}

/** Jobs ahead are counted up to this. */
const COUNTED = 10_000;

/**
 * What the estimates are made of. `recent`: the mean time of the last 20 jobs that succeeded. `busy`: what each running job may
 * still take, by the pace of its steps if it has made some, else by that mean. `capacity`: how many workers have reported
 * lately, and the times of `busy` in order.
 */
const ESTIMATES: SQL = sql`
  recent as materialized (
    select extract(epoch from avg(completed_at - started_at))::double precision as seconds from (
      select completed_at, started_at from jobs where completed_at is not null and status = 'succeeded'
      order by completed_at desc limit 20
    ) as last
  ), busy as materialized (
    select id, case when estimate < 0 then 0 else estimate end as seconds from (
      select id, case
        when stage = 'denoise' and step > 0
          then extract(epoch from now() - stage_started_at)::double precision / step * (total - step)
        else recent.seconds - extract(epoch from now() - started_at)::double precision
      end as estimate
      from jobs, recent where status = 'running'
    ) as estimated
  ), capacity as materialized (
    select ready, greatest(ready, running, 1) as workers, busy_seconds from (
      select count(*)::int as running, coalesce(array_agg(seconds order by seconds), '{}') as busy_seconds from busy
    ) as taken, (
      select count(*)::int as ready from workers where ready and heartbeat_at > now() - interval '30 seconds'
    ) as present
  )`;

/**
 * The place in the queue and the estimated end of these jobs, of those among them that are queued or running. A running one: what
 * it may still take. A queued one: the time until a worker is free for it, if each job before it takes as long as recent ones,
 * and its own time.
 */
export async function readQueueTimes(
  db: Db,
  jobIds: readonly string[],
  counted = COUNTED,
): Promise<ReadonlyMap<string, QueueTimes>> {
  if (jobIds.length === 0) return new Map();
  const { rows } = await db.execute<{ id: string; position: number | null; eta: number | null }>(sql`
    with ${ESTIMATES}, wanted as materialized (
      select status, ${inQueueOrder} from jobs where id = any (${textArray(jobIds)})
    ), ahead as materialized (
      select id, row_number() over (order by ${inQueueOrder}) - 1 as position from (
        select ${inQueueOrder} from jobs where status = 'queued'
          and (${inQueueOrder}) <= (select ${inQueueOrder} from wanted where status = 'queued' order by ${queuePlace} desc limit 1)
        order by ${inQueueOrder} limit ${counted}
      ) as first
    ), places as (
      select wanted.*, case when status = 'queued' then coalesce(position, ${COUNTED})::int end as position
      from wanted left join ahead using (id)
    )
    select id, position, case
      when status = 'queued' then recent.seconds * (position / capacity.workers + 1) + ${freeAfter(sql`position % capacity.workers`)}
      else busy.seconds
    end as eta
    from places cross join recent cross join capacity left join busy using (id)`);
  return new Map(rows.map(({ id, position, eta }) => [id, { position: position ?? undefined, eta: eta ?? undefined }]));
}

/**
 * Seconds until the next queued job may be begun, estimated in the same way; undefined if there is nothing to estimate from, or no
 * worker to begin it.
 */
export async function readNextStart(db: Db): Promise<number | undefined> {
  const { rows } = await db.execute<{ seconds: number | null }>(sql`
    with ${ESTIMATES}
    select case when recent.seconds is not null and capacity.ready > 0 then ${freeAfter(sql`0`)} end as seconds
    from recent, capacity`);
  return rows[0]?.seconds ?? undefined;
}

/** Jobs that wait, and the seconds until one that is submitted now may be begun, estimated in the same way. */
export async function readQueueWait(
  db: Db,
): Promise<{ readonly waiting: number; readonly seconds: number | undefined }> {
  const { rows } = await db.execute<{ waiting: number; seconds: number | null }>(sql`
    with ${ESTIMATES}, queue as materialized (select count(*)::int as waiting from jobs where status = 'queued')
    select waiting, case when capacity.ready > 0 then
      case when waiting < capacity.workers then 0 else recent.seconds * (waiting / capacity.workers) end
        + ${freeAfter(sql`waiting % capacity.workers`)}
    end as seconds
    from queue, recent, capacity`);
  return { waiting: rows[0]?.waiting ?? 0, seconds: rows[0]?.seconds ?? undefined };
}

/** Seconds until the `nth` worker to become free is so. Workers without a job are free now. */
function freeAfter(nth: SQL): SQL {
  const idle = sql`(capacity.workers - cardinality(capacity.busy_seconds))`;
  return sql`case when ${nth} < ${idle} then 0 else capacity.busy_seconds[${nth} - ${idle} + 1] end`;
}
