import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type ScanJob, type ScanResult, scanFile, scanResultSchema } from './scan-file.ts';

/** Files up to this size are read in this thread: it takes less time than starting another. */
const SMALL_BYTES = 32 * 1024 * 1024;
/** More readers than this only compete for the disk. */
const MAX_WORKERS = 4;

const messageSchema = z.object({ bytes: z.number(), result: scanResultSchema.optional() });

export interface SizedScanJob extends ScanJob {
  readonly bytes: number;
}

export interface ScanHooks {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number, job: SizedScanJob) => void;
  readonly onDone: (job: SizedScanJob) => void;
}

/**
 * Scans files, several at once in threads of their own, the largest first. Resolves with the result of each job, in the order
 * of `jobs`; that of a file which cannot be read is the AppError. Rejects with AppError `canceled`.
 */
export async function scanFiles(jobs: readonly SizedScanJob[], hooks: ScanHooks): Promise<(ScanResult | AppError)[]> {
  const results = new Map<SizedScanJob, ScanResult | AppError>();
  const waiting = [...jobs].sort((a, b) => b.bytes - a.bytes);
  const lane = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      if (hooks.signal.aborted) throw canceled();
      results.set(job, await scanOne(job, hooks));
      hooks.onDone(job);
    }
  };
  const lanes = Math.min(MAX_WORKERS, availableParallelism(), jobs.length);
  await Promise.all(Array.from({ length: lanes }, lane));
  return jobs.map((job) => results.get(job) ?? canceled());
}

const canceled = (): AppError => new AppError('canceled', 'The check of the model was stopped.');

async function scanOne(job: SizedScanJob, hooks: ScanHooks): Promise<ScanResult | AppError> {
  try {
    if (job.bytes > SMALL_BYTES) return await scanInThread(job, hooks);
    // Small files one after the other would else keep everything waiting.
    await new Promise(setImmediate);
    return scanFile(job, (bytes) => hooks.onBytes(bytes, job));
  } catch (thrown) {
    if (hooks.signal.aborted) throw canceled();
    return new AppError('model_incomplete', `${job.path} cannot be read: ${String(thrown)}.`, { cause: thrown });
  }
}

function scanInThread(job: SizedScanJob, { signal, onBytes }: ScanHooks): Promise<ScanResult> {
  const { path, hash, spans } = job;
  const worker = new Worker(new URL('./scan-worker.ts', import.meta.url), { workerData: { path, hash, spans } });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  return new Promise<ScanResult>((resolve, reject) => {
    worker.on('message', (message: unknown) => {
      const { bytes, result } = messageSchema.parse(message);
      onBytes(bytes, job);
      if (result !== undefined) resolve(result);
    });
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('the thread ended')));
  }).finally(() => signal.removeEventListener('abort', stop));
}
