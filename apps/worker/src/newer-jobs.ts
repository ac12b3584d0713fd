import { createBackoff } from '@qwen-edit/async';
import { CONTRACT_VERSION, editParametersSchema } from '@qwen-edit/contract';
import { type ClaimedJob, countNewerJobs, leaveToNewer } from '@qwen-edit/db';
import type { JobMessage } from '@qwen-edit/queue';
import type { WorkerDeps } from './deps.ts';
import { runFencedStatement, statementRules } from './fenced-statement.ts';

/** A message that others may read, but not this worker, is hidden for longer with each receipt. */
const HIDDEN = { firstMs: 5_000, maxMs: 300_000 };

/** How long the message of a job that only newer workers understand is hidden, so that they may receive it. */
export function hiddenFor({ receiveCount }: Pick<JobMessage, 'receiveCount'>): number {
  return createBackoff(HIDDEN)(receiveCount);
}

/**
 * True if this version understands the job. An API checks parameters by its own schema before it accepts a job, so that what does
 * not pass here is no mistake of the caller's: a later version wrote it.
 */
export function isUnderstood({ parameters }: Pick<ClaimedJob, 'parameters'>): boolean {
  return editParametersSchema.safeParse(parameters).success;
}

type LeaveDeps = Pick<WorkerDeps, 'database' | 'options' | 'random' | 'log'>;

/**
 * Gives back a claimed job that this version does not understand, without a failure. From then on only later versions see it. If
 * the database does not answer, the lease runs out.
 */
export async function leaveJobToNewer(deps: LeaveDeps, { lease }: ClaimedJob, stopping: AbortSignal): Promise<void> {
  const needsVersion = (deps.options.contractVersion ?? CONTRACT_VERSION) + 1;
  const signal = AbortSignal.any([AbortSignal.timeout(deps.options.leaseMs), stopping]);
  const leave = () => leaveToNewer(deps.database.db, lease, needsVersion);
  const status = await runFencedStatement(statementRules(deps), leave, signal).catch(() => 'lost' as const);
  deps.log.warn(
    { job_id: lease.jobId, needs_version: needsVersion, status },
    'left a job to workers of a later version',
  );
}

/** What an idle worker knows of jobs that wait for newer ones. */
export interface NewerJobs {
  /** Looks whether there are such jobs. Called when the worker has nothing to do. Never rejects. */
  look(): Promise<void>;
  /** For `last_error`; null if there are none. */
  note(): string | null;
}

export function createNewerJobs(
  { database, log, options }: Pick<WorkerDeps, 'database' | 'log' | 'options'>,
  onChange: () => void,
): NewerJobs {
  const contractVersion = options.contractVersion ?? CONTRACT_VERSION;
  let waiting = 0;
  return {
    async look() {
      const found = await countNewerJobs(database.db, contractVersion).catch(() => waiting);
      if (found === waiting) return;
      if (found > 0) log.warn({ jobs: found, contract_version: contractVersion }, 'jobs wait for newer workers');
      waiting = found;
      onChange();
    },
    note: () =>
      waiting === 0
        ? null
        : `${waiting === 1 ? 'A job waits' : `${waiting} jobs wait`} for a worker of a later version: this one does not understand what was asked for.`,
  };
}
