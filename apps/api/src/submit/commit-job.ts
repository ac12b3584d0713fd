import { AppError } from '@qwen-edit/contract';
import { type NewJob, type SubmitJobOptions, type Submitted, submitJob } from '@qwen-edit/db';
import type { ApiLimits } from '../deps.ts';
import type { Services } from '../services.ts';
import { untilKnown } from '../until-known.ts';

/**
 * Commits a job, as submitJob does. If the answer to the COMMIT is lost, the same job is submitted again until the database tells
 * whether it is there. If it does not tell in time, the error names the job: a request that is repeated with this id as its
 * Idempotency-Key finds the job, or makes it, and never makes a second one.
 */
export async function commitJob(
  { database, limits }: Pick<Services, 'database'> & { readonly limits: Pick<ApiLimits, 'lookupMs'> },
  job: NewJob,
  options: SubmitJobOptions,
): Promise<Submitted | false> {
  try {
    return await untilKnown(limits, () => submitJob(database, job, options));
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.outcomeUnknown)) throw thrown;
    const how = options.idempotency === undefined ? `Idempotency-Key: ${job.id}` : 'the same Idempotency-Key';
    throw new AppError('database_unavailable', `The answer to the commit of ${job.id} was lost: ${thrown.message}`, {
      jobId: job.id,
      outcomeUnknown: true,
      callerHint: `The job ${job.id} may have been accepted. Repeat the request with ${how}: it makes no second job.`,
      cause: thrown,
    });
  }
}
