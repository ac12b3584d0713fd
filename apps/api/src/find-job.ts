import { timeLimit } from '@qwen-edit/async';
import { AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import type { JobRecord } from '@qwen-edit/db';
import { readJob } from '@qwen-edit/db';
import { jobNotFound } from './routing/path-params.ts';
import type { Services } from './services.ts';

/** A job of this owner. Throws AppError `not_found`, also for a job of another owner. */
export async function findJob({ database }: Pick<Services, 'database'>, owner: string, id: string): Promise<JobRecord> {
  const record = await readJob(database.db, { id, owner });
  if (record === undefined) throw jobNotFound();
  return record;
}

/**
 * The same after a commit that is known: trouble of the database must not turn what is done into an error, so it is waited for
 * only a short time, and then the job is undefined. Throws AppError `not_found` if the job has been deleted since.
 */
export async function findJobIfPossible(
  deps: Pick<Services, 'database' | 'limits'>,
  owner: string,
  id: string,
): Promise<JobRecord | undefined> {
  const read = () => findJob(deps, owner, id);
  return timeLimit(read, { ms: deps.limits.afterCommitMs, late: 'database_unavailable' }).catch((thrown: unknown) => {
    if (thrown instanceof AppError && ERRORS[thrown.code].status < 500) throw thrown;
    return undefined;
  });
}

/** The job that an earlier request with the same key has made. If it cannot be read now, the error names it. */
export async function findEarlierJob(
  deps: Pick<Services, 'database'>,
  owner: string,
  jobId: string,
): Promise<JobRecord> {
  return findJob(deps, owner, jobId).catch((thrown: unknown) => {
    const { code, message } = toAppError(thrown);
    if (ERRORS[code].status < 500) throw thrown;
    const callerHint = `The job ${jobId} was accepted. Read it by GET /v1/jobs/${jobId}, or repeat the request with its key.`;
    throw new AppError(code, message, { jobId, callerHint, cause: thrown });
  });
}
