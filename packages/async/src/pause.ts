/**
 * Waits `ms` milliseconds. Resolves early, without an error, as soon as the signal aborts: a caller that must stop then asks
 * the signal. Leaves neither a timer nor a listener behind. Runs in browsers too.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
