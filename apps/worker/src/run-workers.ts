import { repeat } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import type { Slot, WorkerDeps } from './deps.ts';
import { workerBackoff } from './fenced-statement.ts';
import { runWorker } from './run-worker.ts';

/** One worker for each device, side by side, until the signal aborts. One that fails is started again; the others go on. */
export async function runWorkers(deps: WorkerDeps, slots: readonly Slot[], signal: AbortSignal): Promise<void> {
  const backoff = workerBackoff(deps);
  await Promise.all(
    slots.map((slot) => repeat(() => runOnce(deps, slot, signal), { signal, backoff, onFailure: () => undefined })),
  );
}

/** Each failure is logged, also one of the shutdown: it is a fault of the worker itself, not of what it waits for. */
async function runOnce(deps: WorkerDeps, slot: Slot, signal: AbortSignal): Promise<number> {
  try {
    await runWorker({ ...deps, slot }, signal);
    return 0;
  } catch (thrown) {
    const { code, message } = toAppError(thrown);
    deps.metrics.loopErrors.inc({ loop: 'worker' });
    deps.log.error({ device: slot.device, code, error: message }, 'a worker has failed and is started again');
    throw thrown;
  }
}
