import { toAppError } from '@qwen-edit/contract';
import type { DispatcherDeps } from './deps.ts';
import { backoffMs, pause } from './pause.ts';

export type LoopDeps = Pick<DispatcherDeps, 'log' | 'metrics' | 'options' | 'random'>;

/** One round of a loop: does what there is to do, and says how many milliseconds to wait before the next. */
export type Round = (signal: AbortSignal) => Promise<number>;

/**
 * Runs rounds until the signal says stop. A round that fails is logged, once for all that fail in a row, and tried again after
 * a delay that grows. The round under way when the signal comes is waited for.
 */
export async function runLoop(deps: LoopDeps, name: string, round: Round, signal: AbortSignal): Promise<void> {
  const { log, metrics, options, random = Math.random } = deps;
  for (let failures = 0; !signal.aborted; ) {
    let waitMs: number;
    try {
      waitMs = await round(signal);
      if (failures > 0) log.info({ loop: name }, 'a loop works again');
      failures = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      failures++;
      metrics.loopErrors.inc({ loop: name });
      const { code, message } = toAppError(thrown);
      if (failures === 1) log.error({ loop: name, code, error: message }, 'a loop has failed, trying on');
      waitMs = backoffMs(failures, { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random });
    }
    await pause(waitMs, signal);
  }
}
