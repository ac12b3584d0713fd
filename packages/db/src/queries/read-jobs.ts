import type { JobStatus } from '@qwen-edit/contract';
import { and, asc, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Db } from '../database.ts';
import { assets, jobEvents, jobInputs, jobs } from '../schema.ts';

export type JobRow = typeof jobs.$inferSelect;
export type AssetRow = typeof assets.$inferSelect;
export type EventRow = typeof jobEvents.$inferSelect;

/** A job with its pictures, and what only a query can tell. */
export interface JobRecord {
  readonly job: JobRow;
  readonly inputs: readonly AssetRow[];
  readonly outputs: readonly AssetRow[];
  /** Jobs before it; undefined where it does not wait. */
  readonly queuePosition: number | undefined;
  readonly etaSeconds: number | undefined;
}

/** Jobs ahead that are counted at most. */
const COUNTED = 10_000;

/** Reads a job. undefined where the owner has none of this id; without an owner, any job. */
export async function readJob(
  db: Db,
  { id, owner }: { readonly id: string; readonly owner?: string },
): Promise<JobRecord | undefined> {
  const mine = owner === undefined ? eq(jobs.id, id) : and(eq(jobs.id, id), eq(jobs.owner, owner));
  const [job] = await db.select().from(jobs).where(mine);
  if (job === undefined) return undefined;
  return (await withDetails(db, [job]))[0];
}

export interface ListFilter {
  readonly owner: string;
  readonly status?: JobStatus;
  /** Only jobs that are older than this id. */
  readonly before?: string;
  readonly limit: number;
}

/** Jobs of an owner, newest first. */
export async function listJobs(db: Db, filter: ListFilter): Promise<readonly JobRecord[]> {
  const conditions = [
    eq(jobs.owner, filter.owner),
    ...(filter.status === undefined ? [] : [eq(jobs.status, filter.status)]),
    ...(filter.before === undefined ? [] : [lt(jobs.id, filter.before)]),
  ];
  const rows = await db
    .select()
    .from(jobs)
    .where(and(...conditions))
    .orderBy(desc(jobs.id))
    .limit(filter.limit);
  return withDetails(db, rows);
}

/** Events of a job after `seq`, in order. */
export function readEvents(db: Db, jobId: string, after: number, limit: number): Promise<EventRow[]> {
  return db
    .select()
    .from(jobEvents)
    .where(and(eq(jobEvents.jobId, jobId), gt(jobEvents.seq, after)))
    .orderBy(asc(jobEvents.seq))
    .limit(limit);
}

/** seq of the newest event of each job that exists. */
export async function readEventSeqs(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db.select({ id: jobs.id, seq: jobs.eventSeq }).from(jobs).where(isAmong(jobs.id, ids));
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}

/** One result of a job, if the owner has it. */
export async function readOutput(
  db: Db,
  { owner, jobId, position }: { readonly owner: string; readonly jobId: string; readonly position: number },
): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.jobId, jobId), eq(assets.position, position)));
  return row;
}

async function withDetails(db: Db, rows: readonly JobRow[]): Promise<JobRecord[]> {
  if (rows.length === 0) return [];
  const idsOf = (...statuses: JobStatus[]): string[] =>
    rows.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
  const [inputs, outputs, times] = await Promise.all([
    readInputs(
      db,
      rows.map(({ id }) => id),
    ),
    readOutputs(db, idsOf('succeeded')),
    readQueueTimes(db, idsOf('queued', 'running')),
  ]);
  return rows.map((job) => ({
    job,
    inputs: inputs.filter(({ jobId }) => jobId === job.id).map(({ asset }) => asset),
    outputs: outputs.filter(({ jobId }) => jobId === job.id),
    queuePosition: times.get(job.id)?.position,
    etaSeconds: times.get(job.id)?.eta,
  }));
}

function readInputs(db: Db, ids: readonly string[]): Promise<{ jobId: string; asset: AssetRow }[]> {
  return db
    .select({ jobId: jobInputs.jobId, asset: assets })
    .from(jobInputs)
    .innerJoin(assets, eq(assets.id, jobInputs.assetId))
    .where(isAmong(jobInputs.jobId, ids))
    .orderBy(asc(jobInputs.position));
}

async function readOutputs(db: Db, ids: readonly string[]): Promise<AssetRow[]> {
  if (ids.length === 0) return [];
  return db.select().from(assets).where(isAmong(assets.jobId, ids)).orderBy(asc(assets.position));
}

/** One text for any number of values, so that the statement is prepared once. */
const isAmong = (column: PgColumn, values: readonly string[]): SQL =>
  sql`${column} = any (${sql.param(values)}::text[])`;

export interface QueueTimes {
  readonly position: number | undefined;
  readonly eta: number | undefined;
}

/**
 * Place in the queue and the guessed end. Running: the steps left at the pace of its stage. Queued: the jobs up to and with it,
 * shared by the ready workers, at the mean time of the last 20 that succeeded.
 */
export async function readQueueTimes(
  db: Db,
  open: readonly string[],
  counted = COUNTED,
): Promise<ReadonlyMap<string, QueueTimes>> {
  if (open.length === 0) return new Map();
  const { rows } = await db.execute<{ id: string; position: number | null; eta: number | null }>(sql`
    with recent as (
      select extract(epoch from avg(completed_at - started_at))::double precision as seconds from (
        select completed_at, started_at from jobs where completed_at is not null and status = 'succeeded'
        order by completed_at desc limit 20
      ) as last
    ), crew as (
      select greatest(count(*), 1)::int as size from workers where ready
    ), wanted as materialized (
      select id, status, visible_at, stage, step, total, stage_started_at from jobs
      where id = any (${sql.param(open)}::text[])
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
      when status = 'queued' then recent.seconds * ceil((position + 1)::double precision / crew.size)
      when stage = 'denoise' and step > 0
        then extract(epoch from now() - stage_started_at)::double precision / step * (total - step)
    end as eta
    from places, recent, crew`);
  return new Map(rows.map(({ id, position, eta }) => [id, { position: position ?? undefined, eta: eta ?? undefined }]));
}
