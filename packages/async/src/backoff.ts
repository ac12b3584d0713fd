/** The delay in milliseconds after so many failures in a row; the first failure is 1. */
export type Backoff = (failures: number) => number;

export interface BackoffOptions {
  /** Delay after the first failure. */
  readonly firstMs: number;
  /** No delay is longer than this, apart from the jitter. */
  readonly maxMs: number;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

const JITTER = 0.2;
/** Keeps the power below infinity: 0 times infinity is not a number. */
const MAX_DOUBLINGS = 30;

/**
 * Exponential backoff with jitter: each delay is twice as long as the one before, and up to a fifth more or less, so that
 * many callers that failed together do not all come back in the same moment.
 *
 * @example
 * const backoff = createBackoff({ firstMs: 100, maxMs: 10_000 });
 * await pause(backoff(failures), signal); // about 100, 200, 400, … 10,000 ms
 */
export function createBackoff({ firstMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  return (failures) => {
    const ms = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
    return Math.round(ms * (1 - JITTER + 2 * JITTER * random()));
  };
}
