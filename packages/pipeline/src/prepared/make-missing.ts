import { Worker } from 'node:worker_threads';
import { AppError, isErrorCode } from '@qwen-edit/contract';
import { z } from 'zod';
import type { HeavySegment } from './heavy-segments.ts';
import type { LayerTable } from './layer-settings.ts';
import { writeFault } from './write-fault.ts';

export interface Making {
  readonly dir: string;
  readonly folder: string;
  readonly precision: string;
  readonly table: LayerTable;
  readonly threads: number;
  /** Called again and again: throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  readonly onMade: () => void;
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
const MOST_WORKERS = 4;
const LOOK_MS = 100;

/**
 * Makes segments in threads of their own. What is whole stays if it fails or is cancelled. Rejects with the first AppError of a segment, and
 * with what `pause` throws.
 */
export async function makeMissing(segments: readonly HeavySegment[], making: Making): Promise<void> {
  const { dir, folder, precision, table, pause } = making;
  const waiting = segments.map(({ name }) => name);
  const workers: Worker[] = [];
  let failure: unknown;
  let finished = 0;
  const lanes = Math.min(MOST_WORKERS, making.threads, segments.length);
  const ended = Array.from({ length: lanes }, () => {
    const worker = new Worker(new URL('./prepare-worker.ts', import.meta.url), {
      workerData: { dir, folder, precision, table },
    });
    workers.push(worker);
    return runLane(worker, waiting, () => failure !== undefined, making);
  });
  for (const lane of ended)
    void lane.then(
      () => finished++,
      (thrown: unknown) => {
        failure ??= thrown;
        finished++;
      },
    );
  try {
    while (finished < lanes) {
      await pause();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  if (failure !== undefined) throw failure;
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
    if ('made' in message) onMade();
    next();
  });
  worker.on('error', reject);
  worker.on('exit', () => reject(new AppError('engine_failed', 'A thread that prepares weights has ended.')));
  return promise;
}
