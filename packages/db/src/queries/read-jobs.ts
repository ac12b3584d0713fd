import type { JobStatus } from '@qwen-edit/contract';
import { and, asc, desc, eq, gt, lt, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Db } from '../database.ts';
import { assets, jobEvents, jobInputs, jobs } from '../schema.ts';
import { readQueueTimes } from './queue-times.ts';

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
  /** One state or several. */
  readonly status?: JobStatus | readonly JobStatus[];
  /** A part of the prompt, in any case, or the id of a job. */
  readonly search?: string;
  /** Only jobs that are older than this id. */
  readonly before?: string;
  readonly limit: number;
}

/** Jobs of an owner, newest first. */
export async function listJobs(db: Db, filter: ListFilter): Promise<readonly JobRecord[]> {
  const conditions = [
    eq(jobs.owner, filter.owner),
    ...(filter.status === undefined ? [] : inStates([filter.status].flat())),
    ...(filter.search === undefined ? [] : [matches(filter.search)]),
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

function inStates(states: readonly JobStatus[]): readonly SQL[] {
  const [state] = states;
  if (states.length === 1 && state !== undefined) return [eq(jobs.status, state)];
  // Said apart, as the index of what has not succeeded wants to see it.
  const rest = states.includes('succeeded') ? [] : [sql`${jobs.status} <> 'succeeded'`];
  return [isAmong(jobs.status, states), ...rest];
}

/** Without an index: an owner's jobs are looked through from the newest on until there are enough. */
function matches(search: string): SQL {
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return sql`(${jobs.parameters} ->> 'prompt' ilike ${pattern} or ${jobs.id} = ${search})`;
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

/** One picture that a job edits, if the owner has it. */
export async function readInput(
  db: Db,
  { owner, jobId, position }: { readonly owner: string; readonly jobId: string; readonly position: number },
): Promise<AssetRow | undefined> {
  const [row] = await db
    .select({ asset: assets })
    .from(jobInputs)
    .innerJoin(assets, eq(assets.id, jobInputs.assetId))
    .where(and(eq(assets.owner, owner), eq(jobInputs.jobId, jobId), eq(jobInputs.position, position)));
  return row?.asset;
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
