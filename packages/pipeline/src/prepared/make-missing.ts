import { Worker } from 'node:worker_threads';
import { AppError, isErrorCode } from '@qwen-edit/contract';
import { z } from 'zod';
import type { LoraFile } from '../types.ts';
import type { HeavySegment } from './heavy-segments.ts';
import type { LayerTable } from './layer-settings.ts';
import { writeFault } from './write-fault.ts';

export interface Making {
  readonly dir: string;
  readonly folder: string;
  readonly precision: string;
  /** See SegmentWork. */
  readonly processor: string;
  readonly table: LayerTable;
  /** See PrepareOptions. */
  readonly loras: readonly LoraFile[];
  readonly threads: number;
  /** Called again and again: throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  readonly onMade: (name: string) => void;
}

const messageSchema = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ made: z.string() }),
  z.object({
    failed: z.string(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string(), system: z.string() }),
  }),
]);

/** More of them only compete for the disk. */
export const MOST_WORKERS = 4;
const LOOK_MS = 100;

/**
 * Makes segments in threads of their own. What is whole stays if it fails or is cancelled. Rejects with the first AppError of a segment, and
 * with what `pause` throws. Files of segments that were cut off are left for the caller.
 */
export async function makeMissing(segments: readonly HeavySegment[], making: Making): Promise<void> {
  const { dir, folder, precision, processor, table, loras, pause } = making;
  const waiting = segments.map(({ name }) => name);
  let failure: unknown;
  let isDone = false;
  const workers = Array.from(
    { length: Math.min(MOST_WORKERS, Math.max(1, making.threads), segments.length) },
    () =>
      new Worker(new URL('./prepare-worker.ts', import.meta.url), {
        workerData: { dir, folder, precision, processor, table, loras },
      }),
  );
  const lanes = workers.map((worker) =>
    runLane(worker, waiting, () => failure !== undefined, making).catch((thrown: unknown) => {
      failure ??= thrown;
    }),
  );
  const all = Promise.all(lanes).then(() => {
    isDone = true;
  });
  try {
    while (!isDone) {
      await pause();
      await settledWithin(all, LOOK_MS);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  if (failure !== undefined) throw failure;
}

/** Resolves when the work has ended, or after a while. */
export async function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]).catch(() => undefined);
  clearTimeout(timer);
}

/** Gives a thread one name after the other. */
function runLane(
  worker: Worker,
  waiting: string[],
  isOver: () => boolean,
  { folder, onMade }: Pick<Making, 'folder' | 'onMade'>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const next = (): void => {
    const name = isOver() ? undefined : waiting.shift();
    if (name === undefined) resolve();
    else worker.postMessage(name);
  };
  worker.on('message', (raw: unknown) => {
    const message = messageSchema.parse(raw);
    if ('failed' in message) {
      const { code, message: text, hint, system } = message.error;
      const error = new AppError(isErrorCode(code) ? code : 'internal', text, { hint });
      return reject(writeFault(folder, Object.assign(new Error(text), { code: system })) ?? error);
    }
    if ('made' in message) onMade(message.made);
    next();
  });
  const endedEarly = (cause?: unknown): void => {
    const isMemory = cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const text = 'A thread that prepares weights has ended.';
    reject(new AppError(isMemory ? 'out_of_memory' : 'engine_failed', text, cause === undefined ? {} : { cause }));
  };
  worker.on('error', endedEarly);
  worker.on('exit', () => endedEarly());
  return promise;
}
