import { createBackoff, type Round, repeat } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import type { DispatcherDeps } from './deps.ts';

export type LoopDeps = Pick<DispatcherDeps, 'log' | 'metrics' | 'options' | 'random'>;

/**
 * Runs rounds until the signal aborts. A round that fails is counted in the metrics and tried again after a delay that grows;
 * of several that fail in a row only the first is logged. The round under way when the signal aborts is waited for.
 */
export async function runLoop(deps: LoopDeps, name: string, round: Round, signal: AbortSignal): Promise<void> {
  const { log, metrics, options, random } = deps;
  // From 0 on, so that the first failure is seen as an increase.
  metrics.loopErrors.inc({ loop: name }, 0);
  await repeat(round, {
    signal,
    backoff: createBackoff({ firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
    onFailure(thrown, failures) {
      metrics.loopErrors.inc({ loop: name });
      const { code, message } = toAppError(thrown);
      if (failures === 1) log.error({ loop: name, code, error: message }, 'a loop has failed, trying again');
    },
    onRecovery: () => log.info({ loop: name }, 'a loop works again'),
  });
}
