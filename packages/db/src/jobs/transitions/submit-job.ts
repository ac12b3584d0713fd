import { AppError, contractVersionNeededBy } from '@qwen-edit/contract';
import type { Database } from '../../connection/database.ts';
import { brokenUnique, FOREIGN_KEY, sqlState } from '../../connection/database-error.ts';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { newToken } from '../../ids.ts';
import { interval, textArray, toJsonb } from '../../sql.ts';
import { rankAtEnd } from '../queue-order.ts';

export interface NewJob {
  readonly id: string;
  readonly owner: string;
  /** EditParameters of the contract. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly webhookUrl: string | undefined;
  readonly webhookSecret: string | undefined;
  /** RFC 3339. */
  readonly deadline: string | undefined;
  /** Without a `deadline`, the job expires so long after its submission: every job has an end. */
  readonly deadlineMs: number;
  readonly maxAttempts: number;
  /** What its caller should know before it is begun; the result brings its own. */
  readonly warnings?: readonly string[] | undefined;
  /** Ids of its pictures' assets, in order. */
  readonly inputs: readonly string[];
  /** The contract version whose workers can read its pictures; 1 if left out. */
  readonly inputsNeed?: number | undefined;
  /** The request of the API that made it, for the logs. */
  readonly requestId?: string | undefined;
}

export interface SubmitJobOptions {
  /** True if an outbox row has to carry the job to its queue; false if the queue is this database. */
  readonly relayed: boolean;
  /** Jobs that may wait at once. */
  readonly maxQueue: number | undefined;
  /** The claim on an Idempotency-Key, which the job completes. */
  readonly idempotency: { readonly key: string; readonly token: string } | undefined;
  /** Digest of the request. With it the job's id is an Idempotency-Key too, for a caller who got no answer but the id. */
  readonly requestHash?: string | undefined;
}

/** What the database adds to a job that it accepts. */
export interface Submitted {
  readonly createdAt: Date;
}

/** Any number. Submissions that count the queue hold this advisory lock, so that they go one by one. */
const COUNTING_LOCK = 7_311_202_512;

/** The primary key keeps one id from making two jobs, also if a lost statement arrives late. */
const JOBS_KEY = 'jobs_pkey';
const IDEMPOTENCY_KEY = 'idempotency_keys_owner_key_pk';

/**
 * Accepts a job at the end of the queue: row, inputs, event `job.queued`, and the outbox row if it is relayed, all or nothing.
 * Returns false, changing nothing, if one of its pictures was swept meanwhile: store them again. Throws AppError `queue_full`, or
 * `idempotency_in_flight` if another request has taken over the key.
 *
 * If the answer to its COMMIT is lost (`outcomeUnknown`), call it again with the same job: it waits for what is under way, then
 * finds the job or makes it. It never makes two.
 */
export async function submitJob(
  database: Database,
  job: NewJob,
  options: SubmitJobOptions,
): Promise<Submitted | false> {
  try {
    let submitted: Submitted | undefined;
    const { relayed, maxQueue, idempotency } = options;
    // One statement is a transaction by itself.
    if (maxQueue === undefined && idempotency === undefined) submitted = await insertJob(database.db, job, options);
    else
      await database.transaction(async (tx) => {
        if (maxQueue !== undefined) await refuseOverflow(tx, job, maxQueue);
        submitted = await insertJob(tx, job, options);
        if (idempotency !== undefined) await completeKey(tx, job, idempotency);
      });
    if (!relayed) database.notifyQueue();
    return submitted ?? false;
  } catch (thrown) {
    if (sqlState(thrown) === FOREIGN_KEY) return false;
    switch (brokenUnique(thrown)) {
      case JOBS_KEY:
        return acceptedBefore(database.db, job, thrown);
      case IDEMPOTENCY_KEY:
        throw takenOver();
      default:
        throw thrown;
    }
  }
}

/** The job is there: an earlier call with the same id was committed, although its answer was lost. */
async function acceptedBefore(db: Db, { id, owner }: NewJob, thrown: unknown): Promise<Submitted> {
  const { rows } = await db.execute<{ created_ms: number }>(sql`
    select (extract(epoch from created_at) * 1000)::double precision as created_ms
    from jobs where id = ${id} and owner = ${owner}`);
  if (rows[0] === undefined) throw thrown;
  return { createdAt: new Date(rows[0].created_ms) };
}

async function insertJob(tx: Db, job: NewJob, { relayed, requestHash }: SubmitJobOptions): Promise<Submitted> {
  const hash = requestHash ?? null;
  const inputs = textArray(job.inputs);
  // As a number, because PostgreSQL refuses time zone offsets of 16 hours and more, which RFC 3339 allows.
  const deadline = job.deadline === undefined ? null : Date.parse(job.deadline) / 1000;
  // The pictures are locked in the order of their ids, as deleteJob does: with two orders, two transactions could wait for each
  // other. After that their time of use is written, to rows that nobody else has locked.
  const { rows } = await tx.execute<{ created_ms: number }>(sql`
    with held as materialized (
      select id from assets where id = any (${inputs}) order by id for key share
    ), job as (
      insert into jobs (id, owner, parameters, metadata, webhook_url, webhook_secret, deadline_at, max_attempts,
        needs_version, queue_rank, event_seq, request_id, warnings)
      values (${job.id}, ${job.owner}, ${toJsonb(job.parameters)}, ${toJsonb(job.metadata)}, ${job.webhookUrl ?? null},
        ${job.webhookSecret ?? null}, coalesce(to_timestamp(${deadline}::double precision), now() + ${interval(job.deadlineMs)}),
        ${job.maxAttempts}, ${Math.max(contractVersionNeededBy(job.parameters), job.inputsNeed ?? 1)}, ${rankAtEnd()}, 1, ${job.requestId ?? null},
        ${toJsonb(job.warnings ?? [])})
      returning id, owner, created_at
    ), inputs as (
      insert into job_inputs (job_id, position, asset_id)
      select job.id, input.position - 1, input.asset_id
      from job, unnest(${inputs}) with ordinality as input (asset_id, position),
        (select count(*) from held) as after_locking
    ), used as (
      update assets set last_used_at = now() where id = any (array(
        select id from assets where id = any (array(select id from held)) and last_used_at < now() - interval '1 minute'
        for no key update skip locked
      ))
    ), taken as (
      delete from unused_assets where asset_id = any (array(
        select asset_id from unused_assets, (select count(*) from held) as after_locking
        where asset_id = any (${inputs}) order by asset_id for update of unused_assets
      ))
    ), event as (
      insert into job_events (job_id, seq, type) select id, 1, 'job.queued' from job
    ), message as (
      insert into outbox (job_id, owner) select id, owner from job where ${relayed}
    ), key as (
      insert into idempotency_keys (owner, key, token, locked_until, request_hash, job_id)
      select owner, id, ${newToken()}, now(), ${hash}, id from job where ${hash}::text is not null
    )
    select (extract(epoch from created_at) * 1000)::double precision as created_ms from job`);
  return { createdAt: new Date(rows[0]?.created_ms ?? Number.NaN) };
}

async function refuseOverflow(tx: Db, { id }: NewJob, maxQueue: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${COUNTING_LOCK})`);
  const { rows } = await tx.execute<{ waiting: number; accepted: boolean }>(sql`
    select count(*)::int as waiting, exists (select from jobs where id = ${id}) as accepted
    from (select from jobs where status = 'queued' limit ${maxQueue}) as waiting`);
  // A job that is there already needs no place: it was committed by an earlier call, whose answer was lost.
  if (rows[0]?.accepted !== true && (rows[0]?.waiting ?? 0) >= maxQueue) {
    throw new AppError('queue_full', `As many jobs are waiting as may: ${maxQueue}.`);
  }
}

async function completeKey(tx: Db, job: NewJob, { key, token }: { key: string; token: string }): Promise<void> {
  const { rowCount } = await tx.execute(sql`
    update idempotency_keys set job_id = ${job.id}
    where owner = ${job.owner} and key = ${key} and token = ${token} and job_id is null`);
  if (rowCount === 0) throw takenOver();
}

function takenOver(): AppError {
  return new AppError('idempotency_in_flight', 'Another request with this Idempotency-Key has taken over.');
}
