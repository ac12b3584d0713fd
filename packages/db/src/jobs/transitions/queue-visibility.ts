import { CONTRACT_VERSION } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { QUEUE_CHANNEL } from '../../queue/notifier.ts';
import { interval, textArray } from '../../sql.ts';
import { leftBy, notLeftBy } from '../left-to-others.ts';
import { inQueueOrder } from '../queue-order.ts';

/**
 * A queued job that somebody took from the jobs table to look at it. It is neither claimed nor moved in the queue. Its receipt
 * is the number of the job's newest event, so that any other transition makes it void.
 */
export interface TakenJob {
  readonly jobId: string;
  readonly receipt: string;
}

/** The same, with the workers that leave it to others. */
export interface TakenMessage extends TakenJob {
  readonly leftBy: readonly string[];
}

export interface TakeOptions {
  /** The most jobs to take, 1 or more. */
  readonly max: number;
  readonly hideMs: number;
  /** Who takes them; undefined: it is not known. */
  readonly workers?: readonly string[] | undefined;
}

/**
 * Takes visible queued jobs, first in the queue first, and hides them from others for `hideMs`. Jobs that need a later contract
 * version are not seen, so that newer workers get them at once. Nor are those that all who ask leave to others: whoever takes
 * what it may not claim holds up the jobs behind.
 */
export async function takeQueuedJobs(
  db: Db,
  { max, hideMs, workers }: TakeOptions,
  contractVersion = CONTRACT_VERSION,
): Promise<readonly TakenMessage[]> {
  // A limit that is a parameter would have the statement planned again each time. And hiding is only advice: if a crash of the
  // server undoes it, the job is looked at twice, so this commit need not wait for the disk.
  const { rows } = await db.execute<{ id: string; event_seq: number; left_by: string[] }>(sql`
    with taken as materialized (
      select event_seq, ${leftBy} as left_by, ${inQueueOrder} from jobs where status = 'queued' and visible_at <= now()
        and needs_version <= ${contractVersion} and ${notLeftBy(workers)}
      order by ${inQueueOrder} limit ${sql.raw(String(Math.trunc(max)))} for update skip locked
    ), hidden as (
      update jobs set visible_at = now() + ${interval(hideMs)} from taken where jobs.id = taken.id
    )
    select id, event_seq, left_by from taken, set_config('synchronous_commit', 'off', true) order by ${inQueueOrder}`);
  return rows.map(({ id, event_seq, left_by }) => ({ jobId: id, receipt: String(event_seq), leftBy: left_by }));
}

/** Hides a taken job from others for `ms` from now; undefined: until another transition shows it. A void receipt hides nothing. */
export async function hideQueuedJob(db: Db, { jobId, receipt }: TakenJob, ms: number | undefined): Promise<void> {
  const until = ms === undefined ? sql`'infinity'` : sql`now() + ${interval(ms)}`;
  await db.execute(sql`
    update jobs set visible_at = ${until} where id = ${jobId} and status = 'queued' and event_seq = ${receipt}::integer`);
}

/** Shows a taken job again after `delayMs`, at its old place. Wakes receivers, if only to learn when that is. */
export async function showQueuedJob(db: Db, { jobId, receipt }: TakenJob, delayMs: number): Promise<void> {
  await db.execute(sql`
    with shown as (
      update jobs set visible_at = now() + ${interval(delayMs)}
      where id = ${jobId} and status = 'queued' and event_seq = ${receipt}::integer
    )
    select pg_notify(${QUEUE_CHANNEL}, '')`);
}

/** Shows these jobs as soon as they may run, whoever has taken them, and wakes receivers. */
export async function showQueuedJobs(db: Db, jobIds: readonly string[]): Promise<void> {
  await db.execute(sql`
    with shown as (
      update jobs set visible_at = greatest(run_after, now()) where id = any (${textArray(jobIds)}) and status = 'queued'
    )
    select pg_notify(${QUEUE_CHANNEL}, '')`);
}
