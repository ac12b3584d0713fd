import { hostname } from 'node:os';
import { toAppError } from '@qwen-edit/contract';
import { removeWorker, reportWorker } from '@qwen-edit/db';
import type { ModelFacts } from '@qwen-edit/pipeline';
import type { Slot, WorkerDeps } from './deps.ts';
import { storable } from './job-error.ts';
import { answerWithin, pause } from './pause.ts';

/** What /health and /v1/models tell of a worker. */
export interface WorkerFacts {
  readonly ready: boolean;
  readonly model: ModelFacts | null;
  readonly lastError: string | null;
}

export interface Report {
  /** Writes the row as soon as possible. */
  changed(): void;
  /** Takes the row away, if the database lets it in time. Never rejects. */
  end(): Promise<void>;
}

const LAST_WORD_MS = 2_000;

/** Keeps a worker's row fresh. A database that is away delays nothing. */
export function startReport(
  { database: { db }, log, options }: Pick<WorkerDeps, 'database' | 'log' | 'options'>,
  { workerId, slot, facts }: { readonly workerId: string; readonly slot: Slot; readonly facts: () => WorkerFacts },
): Report {
  const ended = new AbortController();
  let change = new AbortController();
  let written: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const { ready, model, lastError } = facts();
    const state = {
      id: workerId,
      host: hostname(),
      pid: process.pid,
      device: slot.device,
      gpuId: slot.gpuId,
      ready,
      model: model === null ? null : { ...model },
      lastError: lastError === null ? null : storable(lastError),
    };
    written = reportWorker(db, state);
    await answerWithin(written, { ms: options.answerMs, signal: ended.signal });
  };
  const run = async (): Promise<void> => {
    for (let failing = false; !ended.signal.aborted; ) {
      change = new AbortController();
      try {
        await write();
        failing = false;
      } catch (thrown) {
        const { code } = toAppError(thrown);
        if (!failing && !ended.signal.aborted) log.warn({ worker_id: workerId, code }, 'the worker cannot report');
        failing = true;
      }
      await pause(options.workerReportMs, AbortSignal.any([ended.signal, change.signal]));
    }
  };

  const running = run();
  return {
    changed: () => change.abort(),
    async end() {
      ended.abort();
      await running;
      // A report that is still under way would bring the row back.
      const removed = Promise.allSettled([written]).then(() => removeWorker(db, workerId));
      await answerWithin(removed, { ms: LAST_WORD_MS, signal: new AbortController().signal }).catch(() => undefined);
    },
  };
}
