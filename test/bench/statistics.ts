/** The value below which `share` of the others lie, by the nearest rank. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The share that makes a percentile the median. */
export const MEDIAN = 0.5;

/** What repeated work took: the milliseconds of each call, and how many calls were done in a second. */
export interface Load {
  readonly times: readonly number[];
  readonly rate: number;
}

/** Does `work` for `ms`, always `lanes` of it at once: how much can be done. */
export async function closedLoop(
  { lanes, ms, signal }: { readonly lanes: number; readonly ms: number; readonly signal: AbortSignal },
  work: () => Promise<unknown>,
): Promise<Load> {
  const times: number[] = [];
  const begin = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - begin < ms) {
      signal.throwIfAborted();
      const start = performance.now();
      await work();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { times, rate: (times.length / (performance.now() - begin)) * 1000 };
}

export interface Arrivals {
  /** Milliseconds from when each was due until it was done. */
  readonly times: readonly number[];
  /** Milliseconds by which this process began each too late; a part of `times`. */
  readonly lateness: readonly number[];
}

/** Begins `work` at fixed times, however long the ones before take: what callers see who do not wait for each other. */
export async function openLoop(
  {
    perSecond,
    seconds,
    signal,
  }: { readonly perSecond: number; readonly seconds: number; readonly signal: AbortSignal },
  work: () => Promise<unknown>,
): Promise<Arrivals> {
  const begin = performance.now();
  const lateness: number[] = [];
  const arrive = async (n: number): Promise<number> => {
    const due = begin + (n * 1000) / perSecond;
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, Math.max(0, due - performance.now()));
    await promise;
    signal.throwIfAborted();
    lateness.push(performance.now() - due);
    await work();
    return performance.now() - due;
  };
  const times = await Promise.all(Array.from({ length: perSecond * seconds }, (_, n) => arrive(n)));
  return { times, lateness };
}
