import { type Backoff, createBackoff, retry, timeLimit } from '@qwen-edit/async';
import { AppError, ERRORS, type ModelDownload, toAppError } from '@qwen-edit/contract';
import type { ConfiguredModel, LoadedEngine, Slot, WorkerDeps } from './deps.ts';
import { workerBackoff } from './fenced-statement.ts';
import { probeEdit } from './probe-edit.ts';
import { createSelfTests } from './self-tests.ts';

/** The one engine of a slot, loaded before jobs are taken. */
export interface EngineHolder {
  /**
   * The loaded engine; a fresh one if the last has ended. After a failure it has to pass a probe edit first, and after
   * `selfTestMs` its golden edit again. Waits as long as one of them or the loading of the model fails, so that a worker without a
   * working engine takes no job. undefined once the signal aborts.
   */
  ready(signal: AbortSignal): Promise<LoadedEngine | undefined>;
  /**
   * Of a worker that loads its model with its first job: the model lies on this machine. Waits as long as it cannot be fetched.
   * Resolves with false once the signal aborts.
   */
  prepare(signal: AbortSignal): Promise<boolean>;
  /** True until `wake` if no engine is started before there is a job. */
  isAsleep(): boolean;
  /** Starts the first engine, for a job. undefined if that fails, which is told: `ready` then goes on trying. */
  wake(signal: AbortSignal): Promise<LoadedEngine | undefined>;
  /**
   * To be called after an engine has failed at a job: makes a probe edit, in a fresh engine if the last has ended. Returns
   * the error if that fails too, which is then this worker's trouble. If the signal aborts first, nothing is known, and the
   * probe is made before the next job is taken.
   */
  findFault(signal: AbortSignal): Promise<AppError | undefined>;
  /** Something speaks against the engine: it has to pass a probe edit before the next job is taken. */
  doubt(): void;
  /** True while a model is in memory and nothing speaks against its engine. */
  isReady(): boolean;
  close(): Promise<void>;
}

/** The engine can be used, or the model lies on this machine and is loaded next, or neither can be had. */
export interface EngineChange {
  readonly engine?: LoadedEngine;
  readonly fetched?: ConfiguredModel;
  readonly error?: AppError;
}

export interface HolderDeps
  extends Pick<WorkerDeps, 'fetchModel' | 'openEngine' | 'log' | 'metrics' | 'options' | 'random'> {
  readonly slot: Slot;
  /** Called when the engine cannot be used, and when it can again. */
  readonly onChange: (change: EngineChange) => void;
  /** How far the download of the model is; undefined: none is under way. */
  readonly onDownload: (download: ModelDownload | undefined) => void;
}

export function createEngineHolder({
  fetchModel,
  openEngine,
  slot,
  log,
  metrics,
  options,
  random,
  onChange,
  onDownload,
}: HolderDeps): EngineHolder {
  const loading = workerBackoff({ options, random });
  // Each try loads the model again, and a device seldom mends itself within seconds.
  const mending = createBackoff({ firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random });
  const fetching = createBackoff({ firstMs: options.retryFirstMs, maxMs: options.retryMaxMs, random });
  const selfTests = createSelfTests({ log, metrics, options }, slot);
  let engine: LoadedEngine | undefined;
  /** Why the model could not be fetched the last time. */
  let notFetched: AppError | undefined;
  let suspect = false;
  let drifts = false;
  let asleep = !options.eagerLoad;
  let prepared = false;

  const close = async (): Promise<void> => {
    const old = engine;
    engine = undefined;
    await old?.close().catch((thrown: unknown) => {
      log.warn({ device: slot.device, code: toAppError(thrown).code }, 'an engine did not end well');
    });
  };
  /** The engine, loaded and, if need be, probed. Rejects with what is wrong, and the next call begins with a fresh engine. */
  const usable = async (signal: AbortSignal): Promise<LoadedEngine> => {
    if (engine?.enginePid === undefined) await close();
    if (engine !== undefined && !suspect && !selfTests.isDue()) return engine;
    const current = engine ?? (await open(signal));
    if (selfTests.isDue()) await selfTest(current, signal);
    if (suspect) await probe(current, signal);
    drifts = false;
    onChange({ engine: current });
    return current;
  };
  const open = async (signal: AbortSignal): Promise<LoadedEngine> => {
    const modelDir = await fetch(signal);
    const opened = await openEngine({ slot, signal, modelDir, onStep: () => undefined });
    engine = opened;
    log.info({ device: slot.device, model: opened.model.name, engine_pid: opened.enginePid }, 'a model is loaded');
    selfTests.passed(opened);
    return opened;
  };
  const fetch = async (signal: AbortSignal): Promise<string | undefined> => {
    notFetched = undefined;
    if (fetchModel === undefined) return undefined;
    try {
      const { dir, facts } = await fetchModel({ signal, onProgress: onDownload });
      onChange({ fetched: facts });
      return dir;
    } catch (thrown) {
      notFetched = toAppError(thrown);
      throw notFetched;
    } finally {
      onDownload(undefined);
    }
  };
  const backoffAfter = (): Backoff => {
    if (notFetched === undefined) return suspect || drifts ? mending : loading;
    // A hub that will say the same again is asked once in a while, in case somebody changes that.
    return ERRORS[notFetched.code].retryable ? fetching : () => options.retryMaxMs;
  };
  const selfTest = async (current: LoadedEngine, signal: AbortSignal): Promise<void> => {
    try {
      await selfTests.run(current, signal);
    } catch (thrown) {
      if (!signal.aborted) await close();
      throw thrown;
    }
  };
  const probe = async (current: LoadedEngine, signal: AbortSignal): Promise<void> => {
    const late = (): AppError => new AppError('engine_silent', 'The probe edit was not done in time.');
    try {
      const edit = (ending: AbortSignal) => current.edit(probeEdit(current.model), { signal: ending });
      await timeLimit(edit, { ms: options.probeMs, signal, late });
    } catch (thrown) {
      const error = toAppError(thrown);
      // An engine that refuses the request has understood it, so that it works.
      const isRefusal = ERRORS[error.code].origin === 'request' && error.code !== 'canceled';
      if (!isRefusal) {
        if (!signal.aborted) await close();
        throw error;
      }
    }
    suspect = false;
    log.info({ device: slot.device, engine_pid: current.enginePid }, 'a probe edit has passed');
  };
  const onFailure = (thrown: unknown, failures: number): void => {
    const error = toAppError(thrown);
    const what =
      notFetched !== undefined
        ? 'the model cannot be fetched, trying again'
        : error.code === 'device_unavailable'
          ? 'the device cannot be used, trying again'
          : suspect
            ? 'the engine fails its probe edit'
            : 'no model';
    const told = drifts;
    drifts = error.code === 'device_drift';
    if (drifts) selfTests.failed(error, !told);
    else if (failures === 1) log.error({ device: slot.device, code: error.code, error: error.message }, what);
    onChange({ error });
  };

  /** Does it until it succeeds; undefined once the signal aborts. */
  const persist = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> => {
    if (signal.aborted) return undefined;
    try {
      const backoff: Backoff = (failures) => backoffAfter()(failures);
      return await retry(work, { backoff, signal, onFailure });
    } catch {
      // Only the abort ends the retries.
      return undefined;
    }
  };

  return {
    ready: (signal) => persist(() => usable(signal), signal),
    async prepare(signal) {
      const done = async (): Promise<void> => {
        await fetch(signal);
        prepared = true;
      };
      if (!prepared) await persist(done, signal);
      return prepared && !signal.aborted;
    },
    isAsleep: () => asleep,
    async wake(signal) {
      asleep = false;
      onChange({});
      try {
        return await usable(signal);
      } catch (thrown) {
        if (!signal.aborted) onFailure(thrown, 1);
        return undefined;
      }
    },
    async findFault(signal) {
      suspect = true;
      try {
        await usable(signal);
        return undefined;
      } catch (thrown) {
        if (signal.aborted) return undefined;
        onFailure(thrown, 1);
        return toAppError(thrown);
      }
    },
    doubt() {
      suspect = true;
    },
    isReady: () => engine?.enginePid !== undefined && !suspect,
    close,
  };
}
