import { toAppError } from '@qwen-edit/contract';
import { type JobResult, type Lease, succeedJob } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';
import { answerWithin, backoffMs, pause } from './pause.ts';
import { isDoubtful } from './persist.ts';

/** `unknown`: the database did not say in time. The results must then stay where they are: their rows may exist. */
export type Committed = 'succeeded' | 'lost' | 'unknown';

/**
 * Moves the job to `succeeded`. When the answer of a COMMIT is lost, the same fenced statement is run again, which also tells
 * whether the first one went through. Throws an AppError where the database refuses the result, which is then
 * certainly not committed.
 */
export async function commitResult(
  { database: { db }, options, log, random = Math.random }: Pick<WorkerDeps, 'database' | 'options' | 'log' | 'random'>,
  lease: Lease,
  result: JobResult,
  over: AbortSignal,
): Promise<Committed> {
  // The statement is fenced, so a late one does no harm: it may be tried for longer than the lease is sure.
  const signal = AbortSignal.any([over, AbortSignal.timeout(options.leaseMs)]);
  const once = async (): Promise<Committed> => ((await succeedJob(db, lease, result)) ? 'succeeded' : 'lost');

  for (let retry = 0; !signal.aborted; retry++) {
    try {
      return await answerWithin(once(), { ms: options.answerMs, signal });
    } catch (thrown) {
      const { code } = toAppError(thrown);
      if (!isDoubtful(thrown) && retry === 0) throw toAppError(thrown);
      if (retry === 0) log.warn({ job_id: lease.jobId, code }, 'a commit had no answer, trying on');
      const wait = { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random };
      await pause(backoffMs(retry + 1, wait), signal);
    }
  }
  return 'unknown';
}
