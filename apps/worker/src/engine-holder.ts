import { type AppError, toAppError } from '@qwen-edit/contract';
import type { Engine, Slot, WorkerDeps } from './deps.ts';
import { backoffMs, pause } from './pause.ts';

/** The one engine of a slot, loaded before jobs are taken. */
export interface EngineHolder {
  /**
   * The loaded engine; a fresh one where the last has ended. Waits as long as the model cannot be loaded, so that a worker
   * without a model takes no job. undefined once the signal says stop.
   */
  ready(signal: AbortSignal): Promise<Engine | undefined>;
  /** True while a model is in memory. */
  isReady(): boolean;
  close(): Promise<void>;
}

export interface HolderDeps extends Pick<WorkerDeps, 'openEngine' | 'log' | 'options' | 'random'> {
  readonly slot: Slot;
  /** Told when loading has failed, and when it has succeeded. */
  readonly onChange: (change: { readonly engine?: Engine; readonly error?: AppError }) => void;
}

export function createEngineHolder({
  openEngine,
  slot,
  log,
  options,
  random = Math.random,
  onChange,
}: HolderDeps): EngineHolder {
  let engine: Engine | undefined;

  const close = async (): Promise<void> => {
    const old = engine;
    engine = undefined;
    await old?.close().catch((thrown: unknown) => {
      log.warn({ device: slot.device, code: toAppError(thrown).code }, 'an engine did not end well');
    });
  };
  const open = async (signal: AbortSignal): Promise<Engine> => {
    const opened = await openEngine({ slot, signal, onStep: () => undefined });
    engine = opened;
    log.info({ device: slot.device, model: opened.model.name, engine_pid: opened.enginePid }, 'a model is loaded');
    onChange({ engine: opened });
    return opened;
  };

  return {
    async ready(signal) {
      if (engine?.enginePid === undefined) await close();
      for (let retry = 1; !signal.aborted; retry++) {
        if (engine !== undefined) return engine;
        try {
          return await open(signal);
        } catch (thrown) {
          if (signal.aborted) break;
          const error = toAppError(thrown);
          if (retry === 1) log.error({ device: slot.device, code: error.code, error: error.message }, 'no model');
          onChange({ error });
          const wait = { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random };
          await pause(backoffMs(retry, wait), signal);
        }
      }
      return undefined;
    },
    isReady: () => engine?.enginePid !== undefined,
    close,
  };
}
