import { type AppError, ERRORS } from '@qwen-edit/contract';
import type { ModelFacts } from '@qwen-edit/pipeline';
import type { LoadedEngine } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';
import type { WorkerFacts } from './worker-row.ts';

/** What a worker tells of itself: whether it takes jobs and, if not, why not. */
export interface WorkerStatus {
  engineChanged(change: { readonly engine?: LoadedEngine; readonly error?: AppError }): void;
  /** What it needs is there. After several failures in a row the last error stays until a job succeeds. */
  canWork(afterFailures: boolean): void;
  cannotWork(error: AppError): void;
  /** The running job waits for something that is away; undefined: no longer. */
  waitsFor(error: AppError | undefined): void;
  noteOutcome(outcome: AttemptOutcome, pauses: boolean): void;
  facts(engineReady: boolean): WorkerFacts;
}

export function createWorkerStatus(changed: () => void): WorkerStatus {
  let model: ModelFacts | null = null;
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
    engineChanged({ engine, error }) {
      if (engine !== undefined) model = engine.model;
      lastError = error?.message ?? null;
      changed();
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
    facts: (engineReady) => ({ ready: engineReady && able, model, lastError }),
  };
}
