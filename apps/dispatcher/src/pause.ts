/** Waits. Resolves early, without an error, when the signal says so. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly random: () => number;
}

/** The delay before try `retry` (from 1): twice as long each time, a fifth more or less, so that many do not come at once. */
export function backoffMs(retry: number, { firstMs, maxMs, random }: Backoff): number {
  const ms = Math.min(maxMs, firstMs * 2 ** Math.min(retry - 1, 30));
  return Math.round(ms * (0.8 + 0.4 * random()));
}
