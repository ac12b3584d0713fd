import { type AppError, ERRORS, type ModelDownload } from '@qwen-edit/contract';
import type { ConfiguredModel } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';
import type { EngineChange } from './engine-holder.ts';
import type { WorkerFacts } from './worker-row.ts';

/** What a worker tells of itself: whether it takes jobs and, if not, why not. */
export interface WorkerStatus {
  engineChanged(change: EngineChange): void;
  /** How far the download of the model is; undefined: none is under way. */
  downloads(download: ModelDownload | undefined): void;
  /** What it needs is there. After several failures in a row the last error stays until a job succeeds. */
  canWork(afterFailures: boolean): void;
  cannotWork(error: AppError): void;
  /** The running job waits for something that is away; undefined: no longer. */
  waitsFor(error: AppError | undefined): void;
  noteOutcome(outcome: AttemptOutcome, pauses: boolean): void;
  facts(engine: { readonly ready: boolean; readonly asleep: boolean }): WorkerFacts;
}

export function createWorkerStatus(changed: () => void): WorkerStatus {
  let model: ConfiguredModel | null = null;
  let download: ModelDownload | null = null;
  let firstBytes: number | undefined;
  let lastError: string | null = null;
  // Not before the first check has passed.
  let able = false;
  const tell = (isAble: boolean, error: string | null): void => {
    if (isAble === able && error === lastError) return;
    able = isAble;
    lastError = error;
    changed();
  };
  return {
    engineChanged({ engine, fetched, error }) {
      model = engine?.model ?? fetched ?? model;
      if (fetched === undefined) lastError = error?.message ?? null;
      changed();
    },
    downloads(now) {
      const before = download;
      download = now ?? null;
      if (now === undefined) firstBytes = undefined;
      else firstBytes ??= now.bytes_done;
      // Bytes have come: what kept them away is over. Until then the last failure stays to be read while it is tried again.
      const comes = now !== undefined && now.bytes_done > (firstBytes ?? 0);
      const news = comes && lastError !== null;
      if (comes) lastError = null;
      // Between its changes the row is written often enough.
      if (news || before?.phase !== now?.phase) changed();
    },
    canWork: (afterFailures) => tell(true, afterFailures ? lastError : null),
    cannotWork: (error) => tell(false, error.message),
    waitsFor: (error) => tell(error === undefined, error?.message ?? null),
    noteOutcome(outcome, pauses) {
      if (outcome.status === 'succeeded') return tell(true, null);
      const error = 'error' in outcome ? outcome.error : undefined;
      // An error of the request itself is no trouble of the worker's.
      const isOwn = error !== undefined && (pauses || ERRORS[error.code].retryable);
      tell(!pauses, isOwn ? error.message : lastError);
    },
    facts: ({ ready, asleep }) => ({ ready: ready && able, model, download, lastError, asleep: asleep && able }),
  };
}
