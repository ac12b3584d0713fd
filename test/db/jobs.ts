import { createHash } from 'node:crypto';
import type { JobError } from '../../packages/contract/src/index.ts';
import {
  addInput,
  type ClaimedJob,
  claimJob,
  type Database,
  type JobResult,
  type Lease,
  type NewJob,
  newId,
  newToken,
  type SubmitJobOptions,
  submitJob,
} from '../../packages/db/src/index.ts';
import { STORED_KINDS } from '../../packages/storage/src/index.ts';

export const OWNER = 'ann';
export const HOUR = 3_600_000;
export const ERROR: JobError = { code: 'engine_crashed', message: 'it crashed', hint: 'Try again.', retryable: true };
export const PLAIN: SubmitJobOptions = { relayed: false, maxQueue: undefined, idempotency: undefined };
export const RELAYED: SubmitJobOptions = { ...PLAIN, relayed: true };

/** A stored picture of this content; the row only, there is no object. */
export async function storeTestInput(database: Database, content: string, owner = OWNER): Promise<string> {
  const id = newId('asset');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const facts = { bytes: content.length, mediaType: 'image/png', width: 8, height: 8 };
  for (;;) {
    const key = STORED_KINDS.input.keyOf({ assetId: id });
    const row = await addInput(database.db, { id, owner, key, sha256, ...facts });
    // undefined: the one that was there was swept at this moment.
    if (row !== undefined) return row.id;
  }
}

export const newJob = (changes: Partial<NewJob> = {}): NewJob => ({
  id: newId('job'),
  owner: OWNER,
  parameters: { prompt: 'make it blue' },
  metadata: {},
  webhookUrl: undefined,
  webhookSecret: undefined,
  deadline: undefined,
  deadlineMs: 24 * HOUR,
  maxAttempts: 3,
  inputs: [],
  ...changes,
});

/** Submits a job and gives its id. */
export async function submitOrFail(
  database: Database,
  changes: Partial<NewJob> = {},
  options: Partial<SubmitJobOptions> = {},
): Promise<string> {
  const job = newJob(changes);
  if (!(await submitJob(database, job, { ...PLAIN, ...options }))) throw new Error('not submitted');
  return job.id;
}

export async function tryClaim(database: Database, id: string, leaseMs = HOUR, workerId = 'worker_a') {
  return claimJob(database.db, id, { token: newToken(), workerId, leaseMs });
}

/** Claims a job that can be claimed. */
export async function claimOrFail(database: Database, id: string, leaseMs = HOUR): Promise<ClaimedJob> {
  const result = await tryClaim(database, id, leaseMs);
  if (result.outcome !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(result)}`);
  return result.job;
}

/** A job that runs, and its lease. */
export async function running(database: Database, changes: Partial<NewJob> = {}): Promise<Lease> {
  return (await claimOrFail(database, await submitOrFail(database, changes))).lease;
}

/** A result whose objects lie where the holder of this lease would put them. */
export const successOf = (lease: Lease, outputs = 1): JobResult => ({
  seed: '7',
  warnings: [],
  receipt: { model: 'demo' },
  timings: { denoise: 1.5 },
  outputs: Array.from({ length: outputs }, (_, n) => ({
    key: STORED_KINDS.output.keyOf({ jobId: lease.jobId, leaseToken: lease.token, index: n, extension: 'png' }),
    sha256: createHash('sha256').update(`${lease.token}${n}`).digest('hex'),
    bytes: 100,
    mediaType: 'image/png',
    width: 8,
    height: 8,
  })),
});

/** The lease runs out now, by the database's clock. */
export async function expireLease(database: Database, id: string): Promise<void> {
  await database.pool.query(
    `update jobs set lease_expires_at = now() - interval '1 second' where id = $1 and status = 'running'`,
    [id],
  );
}

export type RawJob = Record<string, unknown> & { status: string; event_seq: number; failures: number; attempt: number };

/** The row as the table has it; undefined where it is gone. */
export async function rawJob(database: Database, id: string): Promise<RawJob | undefined> {
  const { rows } = await database.pool.query<RawJob>('select * from jobs where id = $1', [id]);
  return rows[0];
}

/** Types of the job's events, in order. */
export async function eventTypes(database: Database, id: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ type: string }>(
    'select type from job_events where job_id = $1 order by seq',
    [id],
  );
  return rows.map(({ type }) => type);
}

export async function count(database: Database, from: string): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(`select count(*)::int as count from ${from}`);
  return rows[0]!.count;
}

/** Does `work` n times at once. */
export const atOnce = <T>(n: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, index) => work(index)));
