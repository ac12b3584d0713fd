import { toAppError } from '@qwen-edit/contract';
import { sqlState } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';
import { answerWithin, backoffMs, pause } from './pause.ts';

/** The server's own word; anything else may have happened to a statement whose error carries none. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** True where the statement may have gone through although it failed, or may go through when it is tried again. */
export function isDoubtful(thrown: unknown): boolean {
  const { code } = toAppError(thrown);
  return code === 'database_unavailable' || code === 'canceled' || !SQLSTATE.test(sqlState(thrown));
}

/**
 * Runs a statement until the database answers, or until `over` says that nothing more may be written; rejects then with the
 * last error. Only for fenced statements: one that went through without its answer is run again, and then changes nothing.
 */
export async function persist<T>(
  { options, random = Math.random }: Pick<WorkerDeps, 'options' | 'random'>,
  statement: () => Promise<T>,
  over: AbortSignal,
): Promise<T> {
  for (let retry = 1; ; retry++) {
    try {
      return await answerWithin(statement(), { ms: options.answerMs, signal: over });
    } catch (thrown) {
      if (!isDoubtful(thrown) || over.aborted) throw toAppError(thrown);
      await pause(backoffMs(retry, { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }), over);
      if (over.aborted) throw toAppError(thrown);
    }
  }
}
