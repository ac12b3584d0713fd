import { createBackoff, retry, timeLimit } from '@qwen-edit/async';
import { AppError, ERRORS } from '@qwen-edit/contract';
import type { ApiLimits } from './deps.ts';

const BACKOFF = createBackoff({ firstMs: 50, maxMs: 1000 });

/**
 * Makes a change of the database. If its COMMIT was sent and the answer is lost, `again` finds out what became of it, for
 * `lookupMs` at most: it has to be a change that can be made twice without harm, as one of a given id. Rejects with the
 * first error, whose `outcomeUnknown` is true, if the database does not tell in that time.
 */
export async function untilKnown<T>(
  { lookupMs }: Pick<ApiLimits, 'lookupMs'>,
  change: () => Promise<T>,
  again: () => Promise<T> = change,
): Promise<T> {
  try {
    return await change();
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.outcomeUnknown)) throw thrown;
    const signal = AbortSignal.timeout(lookupMs);
    try {
      return await retry(() => timeLimit(again, { ms: lookupMs, signal, late: 'database_unavailable' }), {
        backoff: BACKOFF,
        signal,
        shouldRetry: (failure) => !isAnswer(failure),
      });
    } catch (failure) {
      throw isAnswer(failure) && !signal.aborted ? failure : thrown;
    }
  }
}

/** The change was refused for what it asks, so it was not made the first time either. Trouble of the database tells nothing. */
function isAnswer(thrown: unknown): boolean {
  return thrown instanceof AppError && ERRORS[thrown.code].status < 500 && thrown.code !== 'canceled';
}
