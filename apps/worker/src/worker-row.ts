import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { pause, repeat, timeLimit } from '@qwen-edit/async';
import { type ModelDownload, toAppError } from '@qwen-edit/contract';
import { removeWorker, reportWorker } from '@qwen-edit/db';
import type { ConfiguredModel, Slot, WorkerDeps } from './deps.ts';
import { storable } from './job-error.ts';

/** What /health and /v1/models tell of a worker. */
export interface WorkerFacts {
  readonly ready: boolean;
  readonly model: ConfiguredModel | null;
  /** How far it is with the download of its model, while it downloads. */
  readonly download: ModelDownload | null;
  readonly lastError: string | null;
  /** True while it has loaded nothing and waits for its first job. */
  readonly asleep: boolean;
}

/** A worker's row in the database. */
export interface WorkerRowKeeper {
  /** Writes the row as soon as possible. */
  changed(): void;
  /** Removes the row, if the database answers in time. Never rejects. */
  remove(): Promise<void>;
}

type Offer = Awaited<ReturnType<NonNullable<WorkerDeps['offerNow']>>>;

const REMOVE_LIMIT_MS = 2_000;

/** Writes a worker's row regularly, which shows that the worker is alive. A database that is away delays nothing. */
export function keepWorkerRow(
  {
    database: { db },
    log,
    options,
    configuredModel,
    offerNow = async () => ({}),
  }: Pick<WorkerDeps, 'database' | 'log' | 'options' | 'configuredModel' | 'offerNow'>,
  { workerId, slot, facts }: { readonly workerId: string; readonly slot: Slot; readonly facts: () => WorkerFacts },
): WorkerRowKeeper {
  const ended = new AbortController();
  let change = new AbortController();
  let written: Promise<void> = Promise.resolve();
  /** What was found the last time. */
  let offer: Offer = {};
  let isLooking = false;

  const write = async (): Promise<void> => {
    const { ready, model: loaded, download, lastError, asleep } = facts();
    // Until an engine has loaded it, the one that it is told to load.
    const model = loaded ?? configuredModel ?? null;
    const state = {
      id: workerId,
      host: hostname(),
      pid: process.pid,
      device: slot.device,
      gpuId: slot.gpuId,
      ready,
      model:
        model === null
          ? null
          : {
              ...model,
              ...offer,
              ...slot.facts,
              ...(asleep ? { loads_with_first_job: true } : {}),
            },
      download: download === null ? null : { ...download },
      lastError: lastError === null ? null : storable(lastError),
      contractVersion: options.contractVersion,
    };
    written = reportWorker(db, state);
    await timeLimit(() => written, { ms: options.answerMs, signal: ended.signal, late: 'database_unavailable' });
  };
  const round = async (): Promise<number> => {
    change = new AbortController();
    await write();
    void look();
    return options.workerReportMs;
  };

  /** Beside the reports: a disk that is slow or away keeps no worker from showing that it is alive. */
  const look = async (): Promise<void> => {
    const model = facts().model ?? configuredModel;
    if (model === undefined || isLooking) return;
    isLooking = true;
    const limits = { ms: options.answerMs, signal: ended.signal, late: 'internal' } as const;
    const found = await timeLimit(() => offerNow(model), limits).catch(() => offer);
    isLooking = false;
    if (isDeepStrictEqual(found, offer)) return;
    offer = found;
    change.abort();
  };

  const running = repeat(round, {
    signal: ended.signal,
    backoff: () => options.workerReportMs,
    // A change ends the wait, and with it the next row is written.
    sleep: (ms) => pause(ms, AbortSignal.any([ended.signal, change.signal])),
    onFailure(thrown, failures) {
      const { code } = toAppError(thrown);
      if (failures === 1) log.warn({ worker_id: workerId, code }, 'the worker cannot report');
    },
  });
  return {
    changed: () => change.abort(),
    async remove() {
      ended.abort();
      await running;
      // A write that is still under way would bring the row back.
      const remove = (): Promise<void> => Promise.allSettled([written]).then(() => removeWorker(db, workerId));
      await timeLimit(remove, { ms: REMOVE_LIMIT_MS, late: 'database_unavailable' }).catch(() => undefined);
    },
  };
}
