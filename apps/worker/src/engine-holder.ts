import { retry } from '@qwen-edit/async';
import { type AppError, toAppError } from '@qwen-edit/contract';
import type { LoadedEngine, Slot, WorkerDeps } from './deps.ts';
import { workerBackoff } from './fenced-statement.ts';

/** The one engine of a slot, loaded before jobs are taken. */
export interface EngineHolder {
  /**
   * The loaded engine; a fresh one if the last has ended. Waits as long as the model cannot be loaded, so that a worker
   * without a model takes no job. undefined once the signal aborts.
   */
  ready(signal: AbortSignal): Promise<LoadedEngine | undefined>;
  /** True while a model is in memory. */
  isReady(): boolean;
  close(): Promise<void>;
}

export interface HolderDeps extends Pick<WorkerDeps, 'openEngine' | 'log' | 'options' | 'random'> {
  readonly slot: Slot;
  /** Called when loading has failed, and when it has succeeded. */
  readonly onChange: (change: { readonly engine?: LoadedEngine; readonly error?: AppError }) => void;
}

export function createEngineHolder({ openEngine, slot, log, options, random, onChange }: HolderDeps): EngineHolder {
  const backoff = workerBackoff({ options, random });
  let engine: LoadedEngine | undefined;

  const close = async (): Promise<void> => {
    const old = engine;
    engine = undefined;
    await old?.close().catch((thrown: unknown) => {
      log.warn({ device: slot.device, code: toAppError(thrown).code }, 'an engine did not end well');
    });
  };
  const open = async (signal: AbortSignal): Promise<LoadedEngine> => {
    const opened = await openEngine({ slot, signal, onStep: () => undefined });
    engine = opened;
    log.info({ device: slot.device, model: opened.model.name, engine_pid: opened.enginePid }, 'a model is loaded');
    onChange({ engine: opened });
    return opened;
  };
  const onFailure = (thrown: unknown, failures: number): void => {
    const error = toAppError(thrown);
    if (failures === 1) log.error({ device: slot.device, code: error.code, error: error.message }, 'no model');
    onChange({ error });
  };

  return {
    async ready(signal) {
      if (engine?.enginePid === undefined) await close();
      if (signal.aborted) return undefined;
      if (engine !== undefined) return engine;
      try {
        return await retry(() => open(signal), { backoff, signal, onFailure });
      } catch {
        // Only the abort ends the retries.
        return undefined;
      }
    },
    isReady: () => engine?.enginePid !== undefined,
    close,
  };
}
