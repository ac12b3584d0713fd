import type { LoadedModel } from '../src/engine/model.ts';
import { loadPreparedModel } from '../src/load-prepared-model.ts';

export interface BenchModel {
  readonly model: LoadedModel;
  /** Runs `work` and tells when each segment of the networks began, and when it all ended: milliseconds since the process began. */
  readonly timed: (work: () => Promise<unknown>) => Promise<readonly number[]>;
}

/** Loads a model folder on the CPU; prepared weights are kept in `weightCacheDir`, so that a second process finds them there. */
export async function loadForBench(
  dir: string,
  options: { readonly precision: string; readonly threads: number; readonly weightCacheDir: string },
): Promise<BenchModel> {
  const marks: number[] = [];
  const pause = async (): Promise<void> => void marks.push(performance.now());
  const model = await loadPreparedModel(dir, { device: 'cpu', pause, ...options });
  return {
    model,
    async timed(work) {
      marks.length = 0;
      await work();
      return [...marks, performance.now()];
    },
  };
}

/** Seconds from the mark `from` to the mark `to`. Negative numbers count from the end, as in Array.at. */
export function secondsBetween(marks: readonly number[], from: number, to: number): number {
  return ((marks.at(to) ?? Number.NaN) - (marks.at(from) ?? Number.NaN)) / 1000;
}
