import { availableParallelism } from 'node:os';
import { AppError, type LoraRef, requirePreset, toAppError, withPreset } from '@qwen-edit/contract';
import { checkRequest } from '../check-request.ts';
import { deviceNamed } from '../engine/devices.ts';
import { precisionNamed } from '../engine/precision.ts';
import { findLoras, type ResolveLora, readLoraConfig } from '../lora/find-loras.ts';
import { kernelLadder, type Rung } from '../self-test/ladder.ts';
import type {
  EditHooks,
  EditRequest,
  EditResult,
  LoraFile,
  ModelFacts,
  Preparing,
  RefusedKernels,
  SelfTestResult,
  StepEvent,
} from '../types.ts';
import { createClimber } from './climb-ladder.ts';
import { editCommandOf, endBrokenEngine, listenerOf, partsOf, resultOf } from './edit-messages.ts';
import { type EncodingCachePlace, forgetEncodings, requirePlace } from './encodings.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import type { EngineStats } from './protocol.ts';
import { requireEngine } from './require-engine.ts';
import { askExamination, requirePassed, selfTestResult } from './run-self-test.ts';
import { createSmallerPlans } from './smaller-plan.ts';

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
   * A small checkpoint with a golden edit, the demo model: each engine makes that edit before it loads the model, then computes one block
   * of the model, and does not serve if a result drifts. What kernelLadder says is tried in its place; if nothing passes, createPipeline,
   * or the edit that needed a new engine, rejects with AppError `device_drift`. `onTrouble` hears if the engine goes on with less than
   * what was asked for.
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
  /**
   * Finds the file of a LoRA that a request, a preset or `loras` names, and says whether it may be used. Default: a name is one of the model
   * folder's, a path any file, and a repository of the hub none.
   */
  readonly resolveLora?: ResolveLora | undefined;
  /** LoRAs of every edit, besides those that the model folder asks for. Where a precision has prepared weights, they are merged into them. */
  readonly loras?: readonly LoraRef[] | undefined;
  /** Another engine program that speaks the same protocol, for tests of faults. */
  readonly program?: string;
}

/** A loaded checkpoint that edits pictures, in a process of its own. */
export interface Pipeline {
  /**
   * Makes one edit. Calls that come at the same time run one after the other. Rejects with an AppError: those of the
   * request (`invalid_parameter`, `image_invalid`, …), `canceled` after `hooks.signal` was aborted, and `engine_crashed`,
   * `engine_protocol`, `engine_silent` or `device_lost`, after which the next call starts a new engine. If a device with memory of its own has none left, the edit is
   * made once more in a new engine that plans with less, which `onTrouble` hears of; only then it rejects with `out_of_memory`.
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
  const { key: device, name: kind, ownMemory } = deviceNamed(options.device);
  const rungs = kernelLadder(device, precisionNamed(options.precision, kind).name);
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
  /** What the engine computes with, and what was refused before that. */
  let at: { readonly rung: Rung; readonly refused: readonly RefusedKernels[] } = { rung: rungs[0]!, refused: [] };
  let queue: Promise<unknown> = Promise.resolve();
  let running = false;
  const plans = createSmallerPlans({
    ...{ device, deviceMemoryBytes, onTrouble },
    model: () => model,
    endEngine: async () => engine?.shutdown(0),
  });
  /** Runs it once more with a smaller plan if a device with memory of its own has none left. */
  const orSmaller: typeof plans.orSmaller = ownMemory ? plans.orSmaller : (work) => work();
  let loading = false;

  const climber = createClimber<EngineProcess>(rungs, ({ kernels, precision }, refused) => {
    const reasons = refused.map(({ reason }) => reason).join(' ');
    const what = `${device} goes on with ${kernels} kernels in ${precision}, since it computes wrong numbers with what was asked for.`;
    onTrouble?.(new AppError('device_drift', `${what} ${reasons}`));
  });
  /** The engine with its model loaded; a new one if there is none, or if the last one has ended. */
  const ready = async (onStep: PipelineOptions['onStep']): Promise<EngineProcess> => {
    if (closed) throw new AppError('engine_closed', 'The pipeline was closed.');
    if (loaded === undefined || (!loading && engine?.alive !== true)) {
      loading = true;
      const opened = climber.climb((rung, refused) => {
        if (closed) throw new AppError('engine_closed', 'The pipeline was closed.');
        if (model === undefined && signal?.aborted === true) throw loadingCanceled();
        at = { rung, refused };
        engine = startEngineProcess({ program, silenceMs: options.silenceMs ?? DEFAULT_SILENCE_MS, nice, onTrouble });
        return loadInto(engine, onStep);
      });
      loaded = opened.finally(() => {
        loading = false;
      });
    }
    return loaded;
  };

  /** Rejects with AppError `device_drift` if something differs. */
  const examine = async (current: EngineProcess, what: { readonly dir?: string; readonly block?: string }) => {
    const examination = { ...what, ...at.rung, device, threads, memoryBytes, weightCacheDir, operators: false };
    const found = await askExamination(current, examination);
    if (found.reason !== undefined && encodingCache !== undefined) await forgetEncodings(encodingCache);
    requirePassed(selfTestResult(examination, [found], at.refused));
    return found;
  };
  const keepResult = (...parts: Parameters<typeof selfTestResult>[1]): void => {
    lastSelfTest = selfTestResult({ device, ...at.rung }, parts, at.refused);
  };
  const selfTestIn = async (current: EngineProcess): Promise<void> => {
    const { selfTestDir: dir, modelDir: block } = options;
    if (dir !== undefined) keepResult(await examine(current, { dir, block }));
  };
  const loadInto = async (fresh: EngineProcess, onStep: PipelineOptions['onStep']): Promise<EngineProcess> => {
    const { selfTestDir: dir, modelDir } = options;
    try {
      const { lora: ofModel } = await readLoraConfig(modelDir);
      const fixed = await findLoras([...ofModel, ...(options.loras ?? [])], modelDir, options.resolveLora);
      // Before the model, which may take minutes; but if that is the small one itself, it is loaded once.
      const before = dir === undefined || dir === modelDir ? undefined : await examine(fresh, { dir });
      const { event } = await fresh.ask(
        {
          type: 'load',
          ...{ modelDir, device, ...at.rung, threads, memoryBytes, weightCacheDir },
          deviceMemoryBytes: plans.deviceMemoryBytes,
          loras: [...fixed],
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
      if (before !== undefined) keepResult(before, await examine(fresh, { block: modelDir }));
      else await selfTestIn(fresh);
      return fresh;
    } catch (error) {
      await fresh.shutdown(0);
      throw error;
    }
  };

  /** The LoRAs of the request and of its preset. */
  const lorasOf = async (request: EditRequest): Promise<readonly LoraFile[]> => {
    const said = checkRequest(request);
    requirePreset(said.preset, model?.presets);
    return findLoras(withPreset(said, model?.presets).lora ?? [], options.modelDir, options.resolveLora);
  };

  const editNow = async (request: EditRequest, hooks: EditHooks): Promise<EditResult> => {
    checkRequest(request);
    // Others may wait for the same engine: a cancelled edit stops waiting, but leaves the engine loading.
    const current = await untilAborted(
      ready((event) => hooks.signal?.aborted !== true && hooks.onStep?.(event)),
      hooks.signal,
    );
    const command = editCommandOf(request, await lorasOf(request), hooks);
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
    } catch (thrown) {
      // What a process has on a device that was lost does not come back.
      if (toAppError(thrown).code === 'device_lost') await current.shutdown(0);
      throw thrown;
    } finally {
      running = false;
      clearTimeout(grace);
      hooks.signal?.removeEventListener('abort', onAbort);
    }
  };

  const stopLoading = (): void => engine?.kill(loadingCanceled());
  if (signal?.aborted === true) throw loadingCanceled();
  signal?.addEventListener('abort', stopLoading, { once: true });
  await orSmaller(() => ready(options.onStep)).finally(() => signal?.removeEventListener('abort', stopLoading));
  return {
    edit(request, hooks = {}) {
      const turn = queue;
      const result = untilAborted(turn, hooks.signal)
        .then(() => orSmaller(() => editNow(request, hooks)))
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

function loadingCanceled(): AppError {
  return new AppError('canceled', 'The loading of the model was cancelled.');
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
