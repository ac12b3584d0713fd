import { timeLimit } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type { LoadedEngine, Slot, WorkerDeps } from './deps.ts';

/** When an engine's golden edit is due, and what came of the last ones. */
export interface SelfTests {
  /** True if the last one that passed is so long ago that the loaded engine has to make it again. */
  isDue(): boolean;
  /** Makes it again in a loaded engine. Rejects with AppError `device_drift`, and with what keeps it from being made. */
  run(engine: LoadedEngine, signal: AbortSignal): Promise<void>;
  /** An engine has passed it when it was loaded, if it has one. */
  passed(engine: LoadedEngine): void;
  /** An engine has drifted; `isNews` if the one before had not. */
  failed(error: AppError, isNews: boolean): void;
}

/** Logs and counts the self-tests of one worker's engines. */
export function createSelfTests(
  { log, metrics, options }: Pick<WorkerDeps, 'log' | 'metrics' | 'options'>,
  { device }: Slot,
): SelfTests {
  let dueAt = Number.POSITIVE_INFINITY;
  // From 0 on, so that the first that drifts is seen as an increase.
  for (const result of ['passed', 'drifted']) metrics.selfTests.inc({ result, device }, 0);
  const passed = ({ lastSelfTest, enginePid, model }: LoadedEngine): void => {
    dueAt = Number.POSITIVE_INFINITY;
    if (lastSelfTest === undefined) return;
    if (options.selfTestMs > 0) dueAt = performance.now() + options.selfTestMs;
    const { psnr, bound, seconds, kernels, refused } = lastSelfTest;
    metrics.selfTests.inc({ result: 'passed', device });
    const { precision } = model;
    const facts = { device, precision, engine_pid: enginePid, psnr, bound, seconds, kernels };
    // Nothing was refused: one line a start. Else it says what the device has to do without.
    if (refused.length === 0) log.info(facts, 'the self-test has passed');
    else log.warn({ ...facts, refused }, 'the self-test has passed, but not with what was asked for');
  };
  return {
    isDue: () => performance.now() >= dueAt,
    async run(engine, signal) {
      const late = (): AppError => new AppError('engine_silent', 'The self-test was not done in time.');
      await timeLimit(async (ending) => engine.selfTest?.(ending), { ms: options.probeMs, signal, late });
      passed(engine);
    },
    passed,
    failed({ code, message }, isNews) {
      metrics.selfTests.inc({ result: 'drifted', device });
      if (isNews) log.error({ device, code, error: message }, 'the engine fails its self-test');
    },
  };
}
