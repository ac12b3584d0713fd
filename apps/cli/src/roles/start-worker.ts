import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { PullProgress } from '@qwen-edit/hub';
import { availableMemory, type PipelineOptions } from '@qwen-edit/pipeline';
import { type EngineStart, type LoadedEngine, runWorkers, type Slot, WORKER_DEFAULTS } from '@qwen-edit/worker';
import type { NotedModel } from '../demo-note.ts';
import { memoryOfEngine, threadsOfEngine, WORKER_NICE } from '../engine-share.ts';
import { weightCacheDir } from '../model/cache-folders.ts';
import { createModelFetcher, type ModelFetcher } from '../model/fetch-model.ts';
import { precisionOf } from '../precision-setting.ts';
import type { Config } from '../settings.ts';
import type { CheckedModel, CheckedSettings } from './check-settings.ts';
import type { RoleContext, RoleDeps } from './role.ts';

const HOUR_MS = 3_600_000;

export interface LocalWorkers {
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** What the engines load, and what is shown until they have. */
  readonly model: CheckedSettings['model'];
  /** Called for each engine that has loaded the model. */
  readonly onModel?: (model: NotedModel) => void;
  /** Called with each news of a download of the model, and with undefined at its end. */
  readonly onDownload?: ((progress: PullProgress | undefined) => void) | undefined;
}

/**
 * Runs the workers of this machine until the signal says stop: as many as QWEN_EDIT_MAX_CONCURRENCY, each with an engine. A model of the
 * hub that isn't whole here is downloaded first, once for all of them; what keeps it from coming ends nobody.
 */
export async function runLocalWorkers(
  { config, backends, log, metrics }: RoleContext,
  deps: Pick<RoleDeps, 'createPipeline' | 'demoModelDir' | 'now'>,
  { graceMs, signal, model, onModel, onDownload }: LocalWorkers,
): Promise<void> {
  if (model === undefined) throw new AppError('internal', 'A role with workers has checked no model.');
  const { precision } = precisionOf(config);
  const fetcher = fetcherOf(model);
  const threads = threadsOfEngine(config);
  const memoryBytes = memoryOfEngine(config, await availableMemory());
  const openEngine = async ({ signal: loading, modelDir, onStep }: EngineStart): Promise<LoadedEngine> => {
    const engine = await deps.createPipeline({
      modelDir: modelDir ?? folderOf(model),
      device: 'cpu',
      precision,
      signal: loading,
      onStep,
      silenceMs: config.engineSilenceMs,
      cancelGraceMs: config.cancelGraceMs,
      threads,
      memoryBytes,
      weightCacheDir: weightCacheDir(config),
      nice: config.nice ?? WORKER_NICE,
      selfTestDir: deps.demoModelDir,
      encodingCache: encodingCacheOf(config),
      onTrouble: ({ code, message, hint }) => log.warn({ code, hint }, message),
      ...(config.engineProgram === undefined ? {} : { program: config.engineProgram }),
    });
    onModel?.(engine.model);
    return engine;
  };
  const slots = Array.from({ length: config.maxConcurrency }, (): Slot => ({ device: 'cpu', gpuId: null }));
  await runWorkers(
    {
      database: backends.database,
      store: backends.store,
      queue: backends.queue,
      fetchModel: fetcher?.fetch,
      openEngine,
      configuredModel: model.facts,
      machine: { memory_bytes: memoryBytes, threads },
      log,
      metrics,
      options: {
        ...WORKER_DEFAULTS,
        leaseMs: config.leaseMs,
        heartbeatMs: config.leaseMs / 3,
        cancelPollMs: config.orderPollMs,
        graceMs,
        retryFirstMs: config.retryFirstMs,
        retryMaxMs: config.retryMaxMs,
        previewEvery: config.previewEvery,
        selfTestMs: config.selfTestHours * HOUR_MS,
        eagerLoad: config.eagerLoad,
      },
    },
    slots,
    signal,
  );
  await fetcher?.settled();

  function fetcherOf({ chosen, hub }: CheckedModel): ModelFetcher | undefined {
    if (chosen.kind === 'folder') return undefined;
    return createModelFetcher({ chosen, hub, precision, log, signal, onProgress: onDownload, now: deps.now });
  }
}

/** Encodings were made from pictures and prompts: they are kept no longer than those that no job uses any more. */
function encodingCacheOf({
  dataDir,
  encodingCacheBytes,
  unusedMs,
  retentionMs,
}: Config): PipelineOptions['encodingCache'] {
  const folder = join(dataDir, 'cache', 'encodings');
  return { folder, maxBytes: encodingCacheBytes, maxAgeMs: Math.min(unusedMs, retentionMs) };
}

/** A model of the hub has its folder from the fetcher. */
function folderOf({ chosen }: CheckedModel): string {
  if (chosen.kind === 'folder') return chosen.dir;
  throw new AppError('model_not_found', 'The model has not been downloaded.');
}
