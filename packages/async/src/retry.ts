import type { Backoff } from './backoff.ts';
import { pause } from './pause.ts';

export interface RetryOptions {
  readonly backoff: Backoff;
  /** Ends the retries: the last error is then thrown. */
  readonly signal: AbortSignal;
  /** False for an error that another try cannot change. Default: every error is worth another try. */
  readonly shouldRetry?: (thrown: unknown, failures: number) => boolean;
  /** Called after each failure that is tried again, with 1 for the first: log when it is 1, so that an outage is one line. */
  readonly onFailure?: (thrown: unknown, failures: number) => void;
  /** For tests. */
  readonly sleep?: typeof pause;
}

/**
 * Does `work` until it succeeds, and returns what it returns. Waits between two tries. Throws the last error when
 * `shouldRetry` refuses it or the signal has aborted. A success counts even if the signal aborts meanwhile.
 *
 * @example
 * const backoff = createBackoff({ firstMs: 100, maxMs: 10_000 });
 * const facts = await retry(() => readFacts(), { backoff, signal, onFailure: (error, failures) => {
 *   if (failures === 1) log.warn({ err: error }, 'the facts cannot be read now, trying again');
 * } });
 */
export async function retry<T>(
  work: () => Promise<T>,
  { backoff, signal, shouldRetry = () => true, onFailure, sleep = pause }: RetryOptions,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (thrown) {
      if (!shouldRetry(thrown, failures) || signal.aborted) throw thrown;
      onFailure?.(thrown, failures);
      await sleep(backoff(failures), signal);
      if (signal.aborted) throw thrown;
    }
  }
}
