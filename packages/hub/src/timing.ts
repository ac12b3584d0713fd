/** How long is waited for what. All in milliseconds. */
export interface Timing {
  /** Delay before the first retry; each further one is twice as long. */
  readonly firstMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Without a byte for so long, a connection is given up. */
  readonly stallMs: number;
  /** How often the holder of a lock shows that it is alive. */
  readonly beatMs: number;
  /** Without a sign of life for so long, a holder counts as dead. */
  readonly deadMs: number;
}

export const TIMING: Timing = { firstMs: 1000, maxMs: 30_000, stallMs: 60_000, beatMs: 3000, deadMs: 20_000 };

/** Rejects, and aborts the signal that `work` gets, when it takes too long or `signal` aborts. */
export async function withinMs<T>(
  ms: number,
  signal: AbortSignal,
  work: (inner: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const end = (): void => inner.abort(signal.reason);
  const timer = setTimeout(() => inner.abort(new Error(`no answer for ${ms / 1000} s`)), ms);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await work(inner.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
