import { repeat } from '@qwen-edit/async';
import { ERRORS, toAppError } from '@qwen-edit/contract';
import { newId } from '@qwen-edit/db';
import type { ModelFacts } from '@qwen-edit/pipeline';
import type { Slot, WorkerDeps } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';
import { createEngineHolder, type EngineHolder } from './engine-holder.ts';
import { workerBackoff } from './fenced-statement.ts';
import { type RunJobDeps, runJob } from './run-job.ts';
import { settleMessage } from './settle-message.ts';
import { keepWorkerRow } from './worker-row.ts';

export interface SlotDeps extends WorkerDeps {
  readonly slot: Slot;
}

/**
 * Works for one device until the signal aborts: one job after the other, each in the device's own engine. Then, in this order:
 * it takes no more messages, lets a running job go on for `graceMs`, gives it back if it is not done, ends the engine, and
 * removes the worker's row. However long the queue, the database or the model fail, the worker waits and continues.
 */
export async function runWorker(deps: SlotDeps, signal: AbortSignal): Promise<void> {
  const { slot } = deps;
  const workerId = newId('worker');
  let model: ModelFacts | null = null;
  let lastError: string | null = null;
  const engines = createEngineHolder({
    ...deps,
    onChange({ engine, error }) {
      if (engine !== undefined) model = engine.model;
      lastError = error?.message ?? null;
      row.changed();
    },
  });
  const row = keepWorkerRow(deps, { workerId, slot, facts: () => ({ ready: engines.isReady(), model, lastError }) });
  /** An error of the request itself is no trouble of the worker's. */
  const onOutcome = (outcome: AttemptOutcome): void => {
    const ownError = 'error' in outcome && ERRORS[outcome.error.code].retryable ? outcome.error.message : lastError;
    const error = outcome.status === 'succeeded' ? null : ownError;
    if (error === lastError) return;
    lastError = error;
    row.changed();
  };

  try {
    await takeJobs({ ...deps, workerId }, engines, onOutcome, signal);
  } finally {
    await engines.close();
    await row.remove();
  }
}

async function takeJobs(
  deps: RunJobDeps,
  engines: EngineHolder,
  onOutcome: (outcome: AttemptOutcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const { database, log, metrics, workerId } = deps;
  let failing = false;
  const round = async (): Promise<number> => {
    // A message taken while the database is away only counts as one more delivery, and after too many it is a dead letter.
    if (failing) await database.check();
    await takeJob(deps, engines, onOutcome, signal);
    failing = false;
    return 0;
  };
  await repeat(round, {
    signal,
    backoff: workerBackoff(deps),
    onFailure(thrown, failures) {
      failing = true;
      const { code, message } = toAppError(thrown);
      metrics.loopErrors.inc({ loop: 'worker' });
      if (failures === 1) log.error({ worker_id: workerId, code, error: message }, 'no job can be taken, trying again');
    },
  });
}

/** Waits for an engine and then for a message, and runs its job. Rejects if the queue or the claim fails. */
async function takeJob(
  deps: RunJobDeps,
  engines: EngineHolder,
  onOutcome: (outcome: AttemptOutcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const { queue, options } = deps;
  const engine = await engines.ready(signal);
  if (engine === undefined) return;
  const messages = await queue.receive({ max: 1, waitMs: options.receiveWaitMs, signal });
  for (const message of messages) {
    if (signal.aborted) {
      await settleMessage(deps, message, 0);
      continue;
    }
    try {
      const outcome = await runJob(deps, engine, message, signal);
      if (outcome !== undefined) onOutcome(outcome);
    } catch (thrown) {
      await settleMessage(deps, message, options.retryFirstMs);
      throw thrown;
    }
  }
}
