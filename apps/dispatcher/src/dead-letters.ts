import { handleDeadLetter } from '@qwen-edit/db';
import type { DispatcherDeps } from './deps.ts';
import { POISON } from './job-errors.ts';
import { runLoop } from './loop.ts';

const WAIT_MS = 20_000;
const BATCH = 10;

/**
 * Decides what becomes of the jobs whose messages were delivered too often. The job's state counts, not its message: deliveries
 * of a leased job raise only the message's count, so a running job is left alone and a waiting one is sent again.
 */
export async function runDeadLetters(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, deadLetters, log, metrics, options } = deps;
  if (deadLetters === undefined) return;
  const round = async (): Promise<number> => {
    for (const message of await deadLetters.receive({ max: BATCH, waitMs: WAIT_MS, signal })) {
      const rules = { maxRedrives: options.maxRedrives, error: POISON };
      const result = await handleDeadLetter(database.db, message.jobId, rules);
      log.warn({ job_id: message.jobId, result }, 'a message came out of the dead-letter queue');
      if (result === 'failed') metrics.outcomes.inc({ outcome: 'failed', code: POISON.code });
      await deadLetters.ack(message);
    }
    return 0;
  };
  await runLoop(deps, 'dead-letters', round, signal);
}
