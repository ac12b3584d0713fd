import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';

export interface QueueTimes {
  readonly position: number | undefined;
  readonly eta: number | undefined;
}

/** Jobs ahead that are counted at most. */
const COUNTED = 10_000;

/**
 * What guesses are made of. `recent`: the mean time of the last 20 jobs that succeeded. `busy`: what each running job may still
 * take, by the pace of its steps where it has made some, else by that mean. `crew`: workers that were heard of lately, and
 * those times in order.
 */
const GUESSES: SQL = sql`
  recent as materialized (
    select extract(epoch from avg(completed_at - started_at))::double precision as seconds from (
      select completed_at, started_at from jobs where completed_at is not null and status = 'succeeded'
      order by completed_at desc limit 20
    ) as last
  ), busy as materialized (
    select id, case when guess < 0 then 0 else guess end as seconds from (
      select id, case
        when stage = 'denoise' and step > 0
          then extract(epoch from now() - stage_started_at)::double precision / step * (total - step)
        else recent.seconds - extract(epoch from now() - started_at)::double precision
      end as guess
      from jobs, recent where status = 'running'
    ) as guessed
  ), crew as materialized (
    select ready, greatest(ready, running, 1) as size, free from (
      select count(*)::int as running, coalesce(array_agg(seconds order by seconds), '{}') as free from busy
    ) as taken, (
      select count(*)::int as ready from workers where ready and heartbeat_at > now() - interval '30 seconds'
    ) as present
  )`;

/**
 * Place in the queue and the guessed end. Running: what it may still take. Queued: when a worker is free for it, each job
 * before it taking as long as recent ones, and its own time.
 */
export async function readQueueTimes(
  db: Db,
  open: readonly string[],
  counted = COUNTED,
): Promise<ReadonlyMap<string, QueueTimes>> {
  if (open.length === 0) return new Map();
  const { rows } = await db.execute<{ id: string; position: number | null; eta: number | null }>(sql`
    with ${GUESSES}, wanted as materialized (
      select id, status, visible_at from jobs where id = any (${sql.param(open)}::text[])
    ), line as materialized (
      select id, row_number() over (order by visible_at, id) - 1 as position from (
        select id, visible_at from jobs where status = 'queued'
          and (visible_at, id) <= (select visible_at, id from wanted where status = 'queued' order by 1 desc, 2 desc limit 1)
        order by visible_at, id limit ${counted}
      ) as first
    ), places as (
      select wanted.*, case when status = 'queued' then coalesce(position, ${COUNTED})::int end as position
      from wanted left join line using (id)
    )
    select id, position, case
      when status = 'queued' then recent.seconds * (position / crew.size + 1) + ${freeAfter(sql`position % crew.size`)}
      else busy.seconds
    end as eta
    from places cross join recent cross join crew left join busy using (id)`);
  return new Map(rows.map(({ id, position, eta }) => [id, { position: position ?? undefined, eta: eta ?? undefined }]));
}

/**
 * Seconds until the next queued job may be begun, guessed as above; undefined where there is nothing to guess from, or nobody
 * to begin it.
 */
export async function readNextStart(db: Db): Promise<number | undefined> {
  const { rows } = await db.execute<{ seconds: number | null }>(sql`
    with ${GUESSES}
    select case when recent.seconds is not null and crew.ready > 0 then ${freeAfter(sql`0`)} end as seconds
    from recent, crew`);
  return rows[0]?.seconds ?? undefined;
}

/** Seconds until the worker is free that is the `nth` to be: those who have no job are so now. */
function freeAfter(nth: SQL): SQL {
  const idle = sql`(crew.size - cardinality(crew.free))`;
  return sql`case when ${nth} < ${idle} then 0 else crew.free[${nth} - ${idle} + 1] end`;
}
