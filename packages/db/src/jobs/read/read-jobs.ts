import type { JobStatus } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { and, desc, eq, lt, type SQL, sql } from '../../drizzle.ts';
import { jobs } from '../../schema.ts';
import { isAmong } from '../../sql.ts';
import { type AssetRow, readInputsOf, readOutputsOf } from './job-pictures.ts';
import { readQueueTimes } from './queue-times.ts';

export type JobRow = typeof jobs.$inferSelect;

/** A job with its pictures, its place in the queue and its estimated end. */
export interface JobRecord {
  readonly job: JobRow;
  readonly inputs: readonly AssetRow[];
  readonly outputs: readonly AssetRow[];
  /** Queued jobs before it; undefined if it does not wait. */
  readonly queuePosition: number | undefined;
  readonly etaSeconds: number | undefined;
}

/** Reads a job; undefined if the owner has none with this id. Without an owner, any job is read. */
export async function readJob(
  db: Db,
  { id, owner }: { readonly id: string; readonly owner?: string },
): Promise<JobRecord | undefined> {
  const mine = owner === undefined ? eq(jobs.id, id) : and(eq(jobs.id, id), eq(jobs.owner, owner));
  const [job] = await db.select().from(jobs).where(mine);
  if (job === undefined) return undefined;
  return (await withDetails(db, [job]))[0];
}

export interface JobFilter {
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
export async function listJobs(db: Db, filter: JobFilter): Promise<readonly JobRecord[]> {
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
  // A condition of its own, so that the planner sees that the index of jobs that have not succeeded holds all of them.
  const rest = states.includes('succeeded') ? [] : [sql`${jobs.status} <> 'succeeded'`];
  return [isAmong(jobs.status, states), ...rest];
}

/** There is no index for this: the owner's jobs are searched from the newest on, until there are enough. */
function matches(search: string): SQL {
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return sql`(${jobs.parameters} ->> 'prompt' ilike ${pattern} or ${jobs.id} = ${search})`;
}

async function withDetails(db: Db, rows: readonly JobRow[]): Promise<JobRecord[]> {
  if (rows.length === 0) return [];
  const idsOf = (...statuses: JobStatus[]): string[] =>
    rows.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
  const [inputs, outputs, times] = await Promise.all([
    readInputsOf(
      db,
      rows.map(({ id }) => id),
    ),
    readOutputsOf(db, idsOf('succeeded')),
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
