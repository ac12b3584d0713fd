import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BenchServer } from './server.ts';
import { type BusyOptions, timeBusy } from './submissions.ts';

export interface ShareTimes {
  /** Of the engine. */
  readonly threads: number;
  readonly nice: number;
  /** Milliseconds of each submission. */
  readonly times: readonly number[];
  /** Seconds of each edit meanwhile. */
  readonly edits: readonly number[];
}

export interface ShareOptions extends Omit<BusyOptions, 'settings'> {
  readonly rounds: number;
  readonly say: (line: string) => void;
}

/**
 * What an engine with all cores or half of them, at the niceness of the service or 5 above it, leaves to the API, and what an edit
 * takes then. The four take turns, so that whatever else the machine does falls on all alike.
 */
export async function timeShares(
  withPair: BenchServer['withPair'],
  { rounds, say, ...options }: ShareOptions,
): Promise<readonly ShareTimes[]> {
  const all = availableParallelism();
  const half = Math.max(1, Math.floor(all / 2));
  const measured = [all, half].flatMap((threads) =>
    [0, 5].map((nice) => ({ threads, nice, times: [] as number[], edits: [] as number[] })),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const { threads, nice, times, edits } of measured) {
      say(`round ${round}: ${threads} threads, nice ${nice}`);
      const settings = { QWEN_EDIT_MAX_CPU_THREADS: String(threads), QWEN_EDIT_NICE: String(nice) };
      const folder = join(options.folder, `shares-${round}-${threads}-${nice}`);
      const busy = await withPair(({ ours }) => timeBusy(ours, { ...options, folder, settings }));
      times.push(...busy.times);
      edits.push(...busy.edits);
    }
  }
  return measured;
}
