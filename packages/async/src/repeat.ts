import type { Backoff } from './backoff.ts';
import { pause } from './pause.ts';

export interface RepeatOptions {
  /** Ends the loop. The round under way is waited for. */
  readonly signal: AbortSignal;
  /** Delays after rounds that fail. */
  readonly backoff: Backoff;
  /** Called after each failed round, with 1 for the first in a row: log when it is 1, so that an outage is one line. */
  readonly onFailure: (thrown: unknown, failures: number) => void;
  /** Called when the loop works again after failures. */
  readonly onRecovery?: () => void;
  /** Wait before the first round, in milliseconds. */
  readonly firstAfterMs?: number;
  /** How to wait between rounds. Given by tests, and by loops that something else may wake. Default: `pause`. */
  readonly sleep?: typeof pause;
}

/**
 * One round of a loop. Returns how many milliseconds to wait before the next. A round that lasts, such as a connection that is
 * kept open, calls `works` as soon as it works: that ends a row of failures before the round itself ends.
 */
export type Round = (signal: AbortSignal, works: () => void) => Promise<number>;

/**
 * Runs rounds one after the other until the signal aborts. A failed round ends nothing: the next one comes after a delay that
 * grows while rounds keep failing. A failure after the abort is not reported. Rejects only if `onFailure` throws.
 *
 * @example
 * await repeat(async () => { await sendHeartbeat(); return 20_000; }, {
 *   signal, backoff, onFailure: (error, failures) => { if (failures === 1) log.warn({ err: error }, 'no heartbeat'); },
 * });
 */
export async function repeat(
  round: Round,
  { signal, backoff, onFailure, onRecovery, firstAfterMs = 0, sleep = pause }: RepeatOptions,
): Promise<void> {
  if (firstAfterMs > 0) await sleep(firstAfterMs, signal);
  let failures = 0;
  const works = (): void => {
    if (failures > 0) onRecovery?.();
    failures = 0;
  };
  while (!signal.aborted) {
    let waitMs: number;
    try {
      waitMs = await round(signal, works);
      works();
    } catch (thrown) {
      if (signal.aborted) return;
      failures++;
      onFailure(thrown, failures);
      waitMs = backoff(failures);
    }
    if (waitMs > 0) await sleep(waitMs, signal);
  }
}
