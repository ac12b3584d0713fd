import { availableParallelism } from 'node:os';
import { AppError, toAppError } from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import { precisionNamed } from '../engine/precision.ts';
import type { EditHooks, EditRequest, EditResult, ModelFacts, Preparing, SelfTestResult, StepEvent } from '../types.ts';
import { editCommandOf, endBrokenEngine, listenerOf, partsOf, resultOf } from './edit-messages.ts';
import { type EncodingCachePlace, forgetEncodings, requirePlace } from './encodings.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import type { EngineStats } from './protocol.ts';
import { requireEngine } from './require-engine.ts';
import { askSelfTest, requirePassed } from './run-self-test.ts';

export interface PipelineOptions {
  /** A checkpoint in Hugging Face layout. */
  readonly modelDir: string;
  /** What the networks run on, as `cuda:1`; `cpu` if absent or empty. */
  readonly device?: string | undefined;
  /** How they compute: `fp32`, which is also the default if absent or empty. */
  readonly precision?: string | undefined;
  /** Threads of the networks; default: one a core. */
  readonly threads?: number;
  /** Bytes of main memory that the engine may plan with; default: what this machine or its container has. */
  readonly memoryBytes?: number | undefined;
  /**
   * Bytes of the device's own memory that the engine may plan with; of an engine that is spread over several cards, of all of them, in equal
   * parts. Default: not known.
   */
  readonly deviceMemoryBytes?: number | undefined;
  /** Folder for weights that are prepared once for a precision and kept. A precision that needs none makes nothing there. */
  readonly weightCacheDir?: string | undefined;
  /** Added to this process's niceness for the engine's, as far as the system allows it; default 0. */
  readonly nice?: number;
  /** Ends the first loading, and its engine with it; createPipeline rejects with AppError `canceled`. */
  readonly signal?: AbortSignal;
  /** Called if weights have to be prepared for the precision, which takes minutes for a large model, once. */
  readonly onPreparing?: ((what: Preparing) => void) | undefined;
  /** Progress of loading, stage `load`. */
  readonly onStep?: (event: StepEvent) => void;
  /** Longest time that the engine may send nothing while it works; default 10 minutes. */
  readonly silenceMs?: number;
  /** How long a cancelled edit may take to reach the end of its segment before its engine is killed; default 10 s. */
  readonly cancelGraceMs?: number;
  /**
   * A small checkpoint with a golden edit, the demo model: each engine makes that edit before it loads the model, and does not serve
   * if its result drifts. createPipeline, or the edit that needed a new engine, then rejects with AppError `device_drift`.
   */
  readonly selfTestDir?: string | undefined;
  /**
   * Keeps encodings of prompts and pictures on disk, for edits with a `cacheScope`, so that the same ones are not computed again: in
   * `folder`, at most `maxBytes` (0: none, and those that are there are removed), each for `maxAgeMs` at most. Any number of pipelines
   * may use one folder. Without it nothing is kept.
   */
  readonly encodingCache?: EncodingCachePlace | undefined;
  /** Hears of what keeps no edit from being made, as a cache that cannot be written. */
  readonly onTrouble?: ((error: AppError) => void) | undefined;
  /** Another engine program that speaks the same protocol, for tests of faults. */
  readonly program?: string;
}

/** A loaded checkpoint that edits pictures, in a process of its own. */
export interface Pipeline {
  /**
   * Makes one edit. Calls that come at the same time run one after the other. Rejects with an AppError: those of the
   * request (`invalid_parameter`, `image_invalid`, …), `canceled` after `hooks.signal` was aborted, and `engine_crashed`,
   * `engine_protocol` or `engine_silent`, after which the next call starts a new engine.
   * @example
   * const { outputs, receipt } = await pipeline.edit(
   *   { images: [photo], parameters: { prompt: 'Replace the sky by a sunset', seed: '7' } },
   *   { signal, onStep: ({ stage, step, total }) => console.log(stage, step, total) },
   * );
   */
  edit(request: EditRequest, hooks?: EditHooks): Promise<EditResult>;
  /** Asks for a snapshot of the running edit: its onSnapshot is called as soon as the current step is done. */
  requestSnapshot(): void;
  /**
   * Makes the golden edit again, in its turn. Rejects with AppError `device_drift` if its result drifts, `usage` without a
   * `selfTestDir`, `canceled` after the signal was aborted.
   */
  selfTest(signal?: AbortSignal): Promise<SelfTestResult>;
  /** The last self-test that was passed; undefined without a `selfTestDir`. */
  readonly lastSelfTest: SelfTestResult | undefined;
  /** Memory and work of the engine's process. */
  stats(): Promise<EngineStats>;
  /** What the model is and recommends, as it was loaded the last time. */
  readonly model: ModelFacts;
  /** Process id of the engine; undefined if it has ended, until the next call starts a new one. */
  readonly enginePid: number | undefined;
  /** Seconds that loading took, the last time. */
  readonly load_s: number;
  /** Ends the engine; a running edit rejects with `engine_closed`. */
  close(): Promise<void>;
}

const DEFAULT_SILENCE_MS = 10 * 60_000;
const DEFAULT_CANCEL_GRACE_MS = 10_000;
const CLOSE_GRACE_MS = 500;

/**
 * Starts an engine process and loads a model into it. Rejects with an AppError: `invalid_parameter` for options that do not
 * exist, `model_not_found`, `model_incomplete`, `model_corrupt` or `model_unsupported` for a model that cannot be loaded,
 * `canceled` after `signal` was aborted.
 * @example
 * const pipeline = await createPipeline({ modelDir: '/models/Qwen-Image-Edit-2511' });
 * const { outputs } = await pipeline.edit({ images: [jpeg], parameters: { prompt: 'Make it night' } });
 * await pipeline.close();
 */
export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  if (options.program === undefined) requireEngine();
  const program = options.program ?? `${import.meta.dirname}/child.ts`;
  const {
    threads = availableParallelism(),
    nice = 0,
    memoryBytes,
    deviceMemoryBytes,
    weightCacheDir,
    signal,
  } = options;
  const { key: device, name: kind } = deviceNamed(options.device);
  const precision = precisionNamed(options.precision, kind).name;
  if (!Number.isInteger(threads) || threads < 1)
    throw new AppError('invalid_parameter', `threads must be a whole number of at least 1, not ${threads}.`);
  for (const [name, bytes] of Object.entries({ memoryBytes, deviceMemoryBytes }))
    if (bytes !== undefined && (!Number.isSafeInteger(bytes) || bytes < 1))
      throw new AppError('invalid_parameter', `${name} must be a whole number of at least 1, not ${bytes}.`);
  if (!Number.isInteger(nice)) throw new AppError('invalid_parameter', `nice must be a whole number, not ${nice}.`);
  const { encodingCache, onTrouble } = options;
  if (encodingCache !== undefined) requirePlace(encodingCache);
  let engine: EngineProcess | undefined;
  let loaded: Promise<EngineProcess> | undefined;
  let model: ModelFacts | undefined;
  let closed = false;
  let load_s = 0;
  let lastSelfTest: SelfTestResult | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let running = false;

  /** The engine with its model loaded; a new one if there is none, or if the last one has ended. */
  const ready = async (onStep: PipelineOptions['onStep']): Promise<EngineProcess> => {
    if (closed) throw new AppError('engine_closed', 'The pipeline was closed.');
    if (loaded === undefined || engine?.alive !== true) {
      engine = startEngineProcess({ program, silenceMs: options.silenceMs ?? DEFAULT_SILENCE_MS, nice, onTrouble });
      loaded = loadInto(engine, onStep);
    }
    return loaded;
  };

  const selfTestIn = async (current: EngineProcess): Promise<void> => {
    if (options.selfTestDir === undefined) return;
    const result = await askSelfTest(current, options.selfTestDir, { device, precision, threads, weightCacheDir });
    if (!result.ok && encodingCache !== undefined) await forgetEncodings(encodingCache);
    lastSelfTest = requirePassed(result);
  };
  const loadInto = async (fresh: EngineProcess, onStep: PipelineOptions['onStep']): Promise<EngineProcess> => {
    try {
      // Before the model, which may take minutes; but if that is the small one itself, it is loaded once.
      const after = options.selfTestDir === options.modelDir;
      if (!after) await selfTestIn(fresh);
      const { event } = await fresh.ask(
        {
          type: 'load',
          modelDir: options.modelDir,
          device,
          precision,
          threads,
          memoryBytes,
          deviceMemoryBytes,
          weightCacheDir,
          ...(encodingCache && { encodingCache }),
        },
        [],
        (each) => {
          if (each.type === 'preparing') options.onPreparing?.(each);
          if (each.type === 'step') onStep?.({ stage: each.stage, step: each.step, total: each.total });
        },
      );
      if (event.type !== 'loaded') return endBrokenEngine(fresh);
      load_s = event.load_s;
      model = event.model;
      if (after) await selfTestIn(fresh);
      return fresh;
    } catch (error) {
      await fresh.shutdown(0);
      throw error;
    }
  };

  const editNow = async (request: EditRequest, hooks: EditHooks): Promise<EditResult> => {
    const command = editCommandOf(request, hooks);
    // Others may wait for the same engine: a cancelled edit stops waiting, but leaves the engine loading.
    const current = await untilAborted(
      ready((event) => hooks.signal?.aborted !== true && hooks.onStep?.(event)),
      hooks.signal,
    );
    const onAbort = (): void => {
      current.tell({ type: 'cancel' });
      const error = new AppError(
        'canceled',
        'The edit was cancelled; its engine did not answer in time and was ended.',
      );
      grace = setTimeout(() => current.kill(error), options.cancelGraceMs ?? DEFAULT_CANCEL_GRACE_MS);
    };
    let grace: NodeJS.Timeout | undefined;
    if (hooks.signal?.aborted === true) throw canceled();
    hooks.signal?.addEventListener('abort', onAbort, { once: true });
    running = true;
    try {
      const { event, parts } = await current.ask(command, partsOf(request, hooks), listenerOf(hooks, current));
      return resultOf(event, parts, load_s) ?? endBrokenEngine(current);
    } finally {
      running = false;
      clearTimeout(grace);
      hooks.signal?.removeEventListener('abort', onAbort);
    }
  };

  const stopLoading = (): void => engine?.kill(new AppError('canceled', 'The loading of the model was cancelled.'));
  if (signal?.aborted === true) throw new AppError('canceled', 'The loading of the model was cancelled.');
  signal?.addEventListener('abort', stopLoading, { once: true });
  await ready(options.onStep).finally(() => signal?.removeEventListener('abort', stopLoading));
  return {
    edit(request, hooks = {}) {
      const turn = queue;
      const result = untilAborted(turn, hooks.signal)
        .then(() => editNow(request, hooks))
        .catch((thrown: unknown) => {
          throw toAppError(thrown);
        });
      queue = Promise.allSettled([turn, result]);
      return result;
    },
    requestSnapshot() {
      if (running) engine?.tell({ type: 'snapshot' });
    },
    selfTest(ending) {
      const turn = queue;
      const test = async (): Promise<SelfTestResult> => {
        await turn;
        const current = await ready(undefined);
        // An engine that drifts makes no more edits: the next call starts a new one, which has to pass too.
        await selfTestIn(current).catch(async (thrown: unknown) => {
          await current.shutdown(0);
          throw thrown;
        });
        if (lastSelfTest === undefined) throw new AppError('usage', 'This pipeline has no golden edit.');
        return lastSelfTest;
      };
      const result = untilAborted(test(), ending).catch((thrown: unknown) => {
        throw toAppError(thrown);
      });
      queue = Promise.allSettled([turn, result]);
      return result;
    },
    get lastSelfTest() {
      return lastSelfTest;
    },
    async stats() {
      const current = await ready(undefined);
      const { event } = await current.ask({ type: 'stats' });
      return event.type === 'stats' ? event.stats : endBrokenEngine(current);
    },
    get model() {
      return model!;
    },
    get enginePid() {
      return engine?.pid;
    },
    get load_s() {
      return load_s;
    },
    async close() {
      closed = true;
      await engine?.shutdown(running ? 0 : CLOSE_GRACE_MS);
    },
  };
}

/** Settles as `promise` does, or rejects with `canceled` as soon as the signal is aborted. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(canceled());
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
  });
}

function canceled(): AppError {
  return new AppError('canceled', 'The edit was cancelled before it began.');
}
