import { toAppError } from '@qwen-edit/contract';
import type { Slot, WorkerDeps } from './deps.ts';
import { backoffMs, pause } from './pause.ts';
import { runWorker } from './run-worker.ts';

/** One worker for each device, side by side, until the signal says stop. One that fails is started again; the others go on. */
export async function runWorkers(deps: WorkerDeps, slots: readonly Slot[], signal: AbortSignal): Promise<void> {
  await Promise.all(slots.map((slot) => keepRunning(deps, slot, signal)));
}

async function keepRunning(deps: WorkerDeps, slot: Slot, signal: AbortSignal): Promise<void> {
  const { options, log, metrics, random = Math.random } = deps;
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await runWorker({ ...deps, slot }, signal);
    } catch (thrown) {
      const { code, message } = toAppError(thrown);
      metrics.loopErrors.inc({ loop: 'worker' });
      log.error({ device: slot.device, code, error: message }, 'a worker has failed and is started again');
      await pause(
        backoffMs(failures, { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
        signal,
      );
    }
  }
}
