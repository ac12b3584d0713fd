import { setTimeout as delay } from 'node:timers/promises';

/** On a slow machine a test takes longer, but passes. */
const LIMIT_MS = 120_000;
const POLL_MS = 5;

/**
 * Waits until `holds` returns something true. If it throws, that counts as not yet. Rejects with the last error when the time
 * is over.
 *
 * @example
 * await until(() => engines.seen.opened === 1);
 */
export async function until(holds: () => unknown, limitMs = LIMIT_MS): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    let failure: unknown;
    try {
      if (await holds()) return;
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > end) throw new Error(`not so after ${limitMs} ms: ${holds}`, { cause: failure });
    await delay(POLL_MS);
  }
}
