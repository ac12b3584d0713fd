import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for what has to come. No test passes or fails by less: a slow machine only takes longer. */
const LIMIT_MS = 60_000;

/**
 * Asks again and again until the answer is neither undefined nor false, and gives it. What `ask` throws counts as no answer
 * yet. Fails, with the last error, when the time is over.
 */
export async function until<T>(
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
  throw new Error(`In ${limitMs / 1000} s it has not come about: ${what}`, { cause: last });
}
