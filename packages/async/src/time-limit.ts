import { AppError, type ErrorCode } from '@qwen-edit/contract';

export interface TimeLimitOptions {
  readonly ms: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
  /** What a late answer rejects with: an error, or the code of one that says how long the wait was. */
  readonly late: ErrorCode | (() => AppError);
}

/**
 * Settles as `work` does, but rejects with `late` after `ms`, and with AppError `canceled` as soon as the signal aborts. It
 * does not wait for `work` then: a connection whose other end has vanished may keep its caller for hours. The signal that
 * `work` gets aborts in both cases, so that work that listens to it ends too; what it settles with later is dropped. `work`
 * is begun in any case, even if the signal has aborted before.
 *
 * @example
 * const job = await timeLimit(() => readJob(db, id), { ms: 10_000, signal, late: 'database_unavailable' });
 */
export function timeLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { ms, signal, late }: TimeLimitOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const inner = new AbortController();
    const giveUp = (error: AppError): void => {
      reject(error);
      inner.abort(error);
    };
    const onAbort = (): void =>
      giveUp(new AppError('canceled', 'The wait for an answer was given up.', { cause: signal?.reason }));
    const onTimeout = (): void =>
      giveUp(typeof late === 'string' ? new AppError(late, `No answer for ${ms / 1000} s.`) : late());

    const timer = setTimeout(onTimeout, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
    begin(work, inner.signal)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      });
  });
}

/** Work that throws before it returns a promise rejects too. */
async function begin<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return work(signal);
}
