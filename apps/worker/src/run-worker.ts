import { ERRORS, toAppError } from '@qwen-edit/contract';
import { newId } from '@qwen-edit/db';
import type { ModelFacts } from '@qwen-edit/pipeline';
import type { Slot, WorkerDeps } from './deps.ts';
import type { Outcome } from './end-attempt.ts';
import { createEngineHolder, type EngineHolder } from './engine-holder.ts';
import { backoffMs, pause } from './pause.ts';
import { startReport } from './report.ts';
import { type RunDeps, runJob } from './run-job.ts';
import { settleMessage } from './settle-message.ts';

export interface SlotDeps extends WorkerDeps {
  readonly slot: Slot;
}

/**
 * Works for one device until the signal says stop: one job after the other, each in the device's own engine. Then, in this
 * order: takes no more messages, lets a running job go on for `graceMs`, gives it back where it is not done, ends the engine,
 * removes the worker's row. Queue, database and model may fail for as long as they like: the worker waits, and goes on.
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
      report.changed();
    },
  });
  const report = startReport(deps, { workerId, slot, facts: () => ({ ready: engines.isReady(), model, lastError }) });
  /** What is wrong with a request is no trouble of the worker's. */
  const onOutcome = (outcome: Outcome): void => {
    const troubled = 'error' in outcome && ERRORS[outcome.error.code].retryable ? outcome.error.message : lastError;
    const error = outcome.became === 'succeeded' ? null : troubled;
    if (error === lastError) return;
    lastError = error;
    report.changed();
  };

  try {
    await takeJobs({ ...deps, workerId }, engines, onOutcome, signal);
  } finally {
    await engines.close();
    await report.end();
  }
}

async function takeJobs(
  deps: RunDeps,
  engines: EngineHolder,
  onOutcome: (outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const { options, log, metrics, random = Math.random } = deps;
  let failures = 0;
  while (!signal.aborted) {
    try {
      // A message that is taken while the database is away only wears out: queues count how often each was taken.
      if (failures > 0) await deps.database.check();
      await takeJob(deps, engines, onOutcome, signal);
      failures = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      failures++;
      const { code, message } = toAppError(thrown);
      metrics.loopErrors.inc({ loop: 'worker' });
      if (failures === 1)
        log.error({ worker_id: deps.workerId, code, error: message }, 'no job can be taken, trying on');
      await pause(
        backoffMs(failures, { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
        signal,
      );
    }
  }
}

async function takeJob(
  deps: RunDeps,
  engines: EngineHolder,
  onOutcome: (outcome: Outcome) => void,
  signal: AbortSignal,
): Promise<void> {
  const engine = await engines.ready(signal);
  if (engine === undefined) return;
  const messages = await deps.queue.receive({ max: 1, waitMs: deps.options.receiveWaitMs, signal });
  for (const message of messages) {
    if (signal.aborted) {
      await settleMessage(deps, message, 0);
      continue;
    }
    try {
      const outcome = await runJob(deps, engine, message, signal);
      if (outcome !== undefined) onOutcome(outcome);
    } catch (thrown) {
      await settleMessage(deps, message, deps.options.retryFirstMs);
      throw thrown;
    }
  }
}
