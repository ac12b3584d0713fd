import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrecisionName } from '@qwen-edit/contract';
import type { z } from 'zod';
import type { Peer } from './peer.ts';
import type { BenchRow } from './table.ts';
import { type TrueSize, writeTrueSize } from './true-size.ts';

/** What every part of the bench measures with. */
export interface Bench {
  readonly quick: boolean;
  readonly threads: number;
  readonly rounds: number;
  /** Those that this version runs on the CPU. */
  readonly precisions: readonly PrecisionName[];
  readonly peer: Peer | undefined;
  /** Where made-up weights may be written. */
  readonly folder: string;
  readonly note: (text: string) => void;
  /** Runs a script of this folder in a process of its own, and gives the last line that it prints. */
  readonly run: <T>(schema: z.ZodType<T>, script: string, ...args: readonly (string | number)[]) => Promise<T>;
  /** Prints a row. */
  readonly add: (row: BenchRow) => void;
  /** What `measure` gives; if it throws, a row says why there is no figure, and the next is measured. */
  readonly attempt: <T>(what: string, by: string, measure: () => Promise<T>) => Promise<T | undefined>;
}

/** A made-up checkpoint for a part of the bench, with a folder for weights that precisions prepare. Removed when `use` is over. */
export async function withTrueSize(
  { folder, note }: Bench,
  size: TrueSize,
  use: (dir: string, weightCacheDir: string) => Promise<void>,
): Promise<void> {
  const dir = join(folder, 'model');
  const cache = join(folder, 'prepared');
  try {
    await mkdir(cache, { recursive: true });
    note('writing made-up weights');
    await writeTrueSize(dir, size);
    await use(dir, cache);
  } finally {
    for (const each of [dir, cache]) await rm(each, { recursive: true, force: true });
  }
}
