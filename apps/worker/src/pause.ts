import { AppError, type ErrorCode } from '@qwen-edit/contract';

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

/**
 * Settles as `work` does. Rejects with `code` when that takes longer than `ms`, and with `canceled` as soon as the signal says
 * so: a connection whose other end has vanished may otherwise keep its caller for hours.
 */
export function answerWithin<T>(
  work: Promise<T>,
  { ms, signal, code = 'database_unavailable' }: { ms: number; signal: AbortSignal; code?: ErrorCode },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new AppError('canceled', 'The wait for an answer was given up.'));
    const timer = setTimeout(() => reject(new AppError(code, `No answer for ${ms / 1000} s.`)), ms);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    });
  });
}
