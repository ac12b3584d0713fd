import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for what must happen: for what hangs. On a machine that is many times slower a test takes longer, but passes. */
const LIMIT_MS = 300_000;

/**
 * Calls `ask` again and again until its answer is neither undefined nor false, and returns that answer. If `ask` throws, that
 * counts as no answer yet. Rejects with the last error when the time is over.
 */
export async function pollUntil<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const end = performance.now() + limitMs;
  let last: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (thrown) {
      last = thrown;
    }
    await delay(50);
  } while (performance.now() < end);
  throw new Error(`In ${limitMs / 1000} s this did not happen: ${what}`, { cause: last });
}
