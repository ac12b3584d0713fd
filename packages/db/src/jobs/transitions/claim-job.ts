import { CONTRACT_VERSION } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval } from '../../sql.ts';
import type { Lease } from '../lease.ts';
import { isLeftToOthers } from '../left-to-others.ts';

export interface ClaimedInput {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ClaimedJob {
  readonly lease: Lease;
  readonly owner: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly attempt: number;
  readonly inputs: readonly ClaimedInput[];
  /** Milliseconds since it was submitted, by the database's clock. */
  readonly ageMs: number;
  /** Milliseconds until its deadline by the same clock. */
  readonly deadlineMs: number | undefined;
  /** The request of the API that made it. */
  readonly requestId: string | undefined;
}

/**
 * Why a job was not claimed. `done`: it is final or deleted, so its message can be deleted too. `later`: it is leased by another
 * worker or waits for its retry; try again in `ms`. `refused`: this worker has failed at it, so that it is left to another
 * one that is ready. `newer`: only workers of a later version understand it.
 */
export type NotClaimed =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'later'; readonly ms: number }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'newer'; readonly needsVersion: number };
export type ClaimResult = { readonly outcome: 'claimed'; readonly job: ClaimedJob } | NotClaimed;

type ClaimedRow = {
  owner: string;
  parameters: Record<string, unknown>;
  attempt: number;
  inputs: ClaimedInput[];
  age_ms: number;
  deadline_ms: number | null;
  request_id: string | null;
};

/** A job that could not be claimed is tried again no sooner than this. */
const SHORTEST_MS = 100;
/** The same for a job whose deadline has passed: the dispatcher will soon end it. */
const EXPIRING_MS = 2000;

/**
 * Leases the job to a worker: from `queued`, or from `running` if the lease has run out. The attempt that lost its lease counts as
 * a failure; a job without attempts left is not claimed, because reapLeases ends it. Times are the database's. Any answer proves
 * that workers can look at the job, so that its message is no poison: `redrives` begins at 0 again.
 *
 * @example await claimJob(db, message.jobId, { token: newToken(), workerId, leaseMs: 60_000 })
 */
export async function claimJob(
  db: Db,
  jobId: string,
  claim: {
    readonly token: string;
    readonly workerId: string;
    readonly leaseMs: number;
    /** What the worker understands. Default: this version. */
    readonly contractVersion?: number | undefined;
  },
): Promise<ClaimResult> {
  const { contractVersion = CONTRACT_VERSION } = claim;
  const { rows } = await db.execute<ClaimedRow>(sql`
    with changed as (
      update jobs set
        status = 'running', lease_token = ${claim.token}, lease_expires_at = now() + ${interval(claim.leaseMs)},
        worker_id = ${claim.workerId}, attempt = attempt + 1,
        failures = failures + case when status = 'running' then 1 else 0 end, redrives = 0,
        lost_leases = case when status = 'running' then array_append(lost_leases, lease_token) else lost_leases end,
        started_at = coalesce(started_at, now()), stage = null, step = null, total = null, stage_started_at = now(),
        event_seq = event_seq + 1
      where id = ${jobId} and needs_version <= ${contractVersion}
        and (deadline_at is null or deadline_at > now())
        and ((status = 'queued' and run_after <= now())
          or (status = 'running' and lease_expires_at <= now() and cancel_requested_at is null
            and failures + 1 < max_attempts))
        and not ${isLeftToOthers([claim.workerId])}
      returning *
    ), event as (
      insert into job_events (job_id, seq, type, data)
      select id, event_seq, 'job.started', jsonb_build_object('attempt', attempt, 'worker_id', worker_id) from changed
    )
    select owner, parameters, attempt, request_id,
      (extract(epoch from now() - created_at) * 1000)::double precision as age_ms,
      (extract(epoch from deadline_at - now()) * 1000)::double precision as deadline_ms,
      (select jsonb_agg(jsonb_build_object('key', assets.key, 'sha256', assets.sha256, 'bytes', assets.bytes)
          order by job_inputs.position)
        from job_inputs join assets on assets.id = job_inputs.asset_id
        where job_inputs.job_id = changed.id) as inputs
    from changed`);
  const row = rows[0];
  if (row === undefined) return reasonOf(db, jobId, claim.workerId, contractVersion);
  const job = {
    lease: { jobId, token: claim.token },
    owner: row.owner,
    parameters: row.parameters,
    attempt: row.attempt,
    inputs: row.inputs ?? [],
    ageMs: row.age_ms,
    deadlineMs: row.deadline_ms ?? undefined,
    requestId: row.request_id ?? undefined,
  };
  return { outcome: 'claimed', job };
}

async function reasonOf(db: Db, jobId: string, workerId: string, contractVersion: number): Promise<NotClaimed> {
  const { rows } = await db.execute<{ needs_version: number; wait_ms: number; refused: boolean }>(sql`
    with seen as (
      update jobs set redrives = 0 where id = ${jobId} and status = 'queued' and redrives > 0
    )
    select needs_version, status = 'queued' and run_after <= now() and (deadline_at is null or deadline_at > now())
      and ${isLeftToOthers([workerId])} as refused, greatest(
      extract(epoch from coalesce(lease_expires_at, run_after) - now()) * 1000,
      case when deadline_at <= now() then ${EXPIRING_MS}::int else ${SHORTEST_MS}::int end
    )::double precision as wait_ms
    from jobs where id = ${jobId} and status in ('queued', 'running')`);
  const row = rows[0];
  if (row === undefined) return { outcome: 'done' };
  if (row.needs_version > contractVersion) return { outcome: 'newer', needsVersion: row.needs_version };
  return row.refused ? { outcome: 'refused' } : { outcome: 'later', ms: row.wait_ms };
}
