import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { toDatabaseError } from '../database-error.ts';
import { QUEUE_CHANNEL } from '../notifier.ts';
import { ms } from '../transitions/lease.ts';
import { nextVisibleMs } from './queue.ts';

/** A job's message: its receipt is the job's event number, so that any transition makes it void. */
export interface TableMessage {
  readonly jobId: string;
  readonly receipt: string;
}

/** What the Postgres driver of packages/queue needs of the jobs table. Errors are AppErrors, see toDatabaseError. */
export interface QueueTable {
  /** Takes queued jobs that are visible, oldest first, and hides them from others for `hideMs`. */
  take(options: { readonly max: number; readonly hideMs: number }): Promise<readonly TableMessage[]>;
  /** Hides the message for `ms`; undefined: until a transition shows its job. */
  hide(message: TableMessage, ms: number | undefined): Promise<void>;
  /** Shows the message after `delayMs`, and wakes receivers: if only to learn when that is. */
  show(message: TableMessage, delayMs: number): Promise<void>;
  /** Shows these jobs as soon as they may run, and wakes receivers. */
  send(jobIds: readonly string[]): Promise<void>;
  /** Milliseconds until the next queued job is visible; undefined where none is to come. */
  nextVisibleMs(): Promise<number | undefined>;
}

export function createQueueTable(db: Db): QueueTable {
  return {
    take: (options) => guard(take(db, options)),
    hide: (message, time) => guard(hide(db, message, time)),
    show: (message, delayMs) => guard(show(db, message, delayMs)),
    send: (jobIds) => guard(send(db, jobIds)),
    nextVisibleMs: () => guard(nextVisibleMs(db)),
  };
}

async function take(db: Db, { max, hideMs }: { max: number; hideMs: number }): Promise<readonly TableMessage[]> {
  // A limit that is a parameter would have the statement planned anew each time. And hiding is only advice: one that a crash
  // of the server undoes costs a second look, so that its commit need not wait for the disk.
  const { rows } = await db.execute<{ id: string; event_seq: number }>(sql`
    with taken as materialized (
      select id, visible_at, event_seq from jobs where status = 'queued' and visible_at <= now()
      order by visible_at, id limit ${sql.raw(String(Math.trunc(max)))} for update skip locked
    ), hidden as (
      update jobs set visible_at = now() + ${ms(hideMs)} from taken where jobs.id = taken.id
    )
    select id, event_seq from taken, set_config('synchronous_commit', 'off', true) order by visible_at, id`);
  return rows.map(({ id, event_seq }) => ({ jobId: id, receipt: String(event_seq) }));
}

async function hide(db: Db, { jobId, receipt }: TableMessage, time: number | undefined): Promise<void> {
  const until = time === undefined ? sql`'infinity'` : sql`now() + ${ms(time)}`;
  await db.execute(sql`
    update jobs set visible_at = ${until} where id = ${jobId} and status = 'queued' and event_seq = ${receipt}::integer`);
}

async function show(db: Db, { jobId, receipt }: TableMessage, delayMs: number): Promise<void> {
  await db.execute(sql`
    with shown as (
      update jobs set visible_at = now() + ${ms(delayMs)}
      where id = ${jobId} and status = 'queued' and event_seq = ${receipt}::integer
    )
    select pg_notify(${QUEUE_CHANNEL}, '')`);
}

async function send(db: Db, jobIds: readonly string[]): Promise<void> {
  await db.execute(sql`
    with shown as (
      update jobs set visible_at = greatest(run_after, now())
      where id = any (${sql.param(jobIds)}::text[]) and status = 'queued'
    )
    select pg_notify(${QUEUE_CHANNEL}, '')`);
}

async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw toDatabaseError(thrown);
  }
}
