import { retry, timeLimit } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { type Database, type JobResult, type Lease, succeedJob } from '@qwen-edit/db';
import type { Logger } from '@qwen-edit/telemetry';
import { isOutcomeUnknown, type StatementRules } from './fenced-statement.ts';

export interface CommitDeps {
  readonly database: Database;
  readonly rules: StatementRules;
  /** How long a result may wait for the database. */
  readonly waitMs: number;
  readonly log: Logger;
}

/** `unknown`: the database did not answer in time. The results must then stay in storage: the job's rows may name them. */
export type CommitOutcome = 'succeeded' | 'lost' | 'unknown';

/**
 * Moves the job to `succeeded`. If the answer to a COMMIT is lost, the same fenced statement is run again, which also tells
 * whether the first one took effect. Throws an AppError if the database refuses the result, which is then certainly not
 * committed.
 */
export async function commitResult(
  { database: { db }, rules, waitMs, log }: CommitDeps,
  lease: Lease,
  result: JobResult,
  writeSignal: AbortSignal,
): Promise<CommitOutcome> {
  // The statement is fenced, so a late one does no harm: it may be tried for longer than the lease is sure to last. The worker
  // could do nothing else without the database, and the result may have taken long to make.
  const signal = AbortSignal.any([writeSignal, AbortSignal.timeout(waitMs)]);
  let refused = false;
  const commit = (): Promise<boolean> =>
    timeLimit(() => succeedJob(db, lease, result), { ms: rules.answerMs, signal, late: 'database_unavailable' });
  try {
    const committed = await retry(commit, {
      backoff: rules.backoff,
      signal,
      shouldRetry(thrown, failures) {
        // After one lost answer a refusal proves nothing: the first statement may have taken effect.
        refused = failures === 1 && !isOutcomeUnknown(thrown);
        return !refused;
      },
      onFailure(thrown, failures) {
        const { code } = toAppError(thrown);
        if (failures === 1) log.warn({ job_id: lease.jobId, code }, 'a commit had no answer, trying again');
      },
    });
    return committed ? 'succeeded' : 'lost';
  } catch (thrown) {
    if (refused) throw toAppError(thrown);
    return 'unknown';
  }
}
