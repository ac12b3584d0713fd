import { availableParallelism } from 'node:os';
import { availableMemory } from '@qwen-edit/pipeline';
import { type EngineStart, type LoadedEngine, runWorkers, type Slot, WORKER_DEFAULTS } from '@qwen-edit/worker';
import type { NotedModel } from '../demo-note.ts';
import { precisionOf } from '../precision-setting.ts';
import type { CheckedSettings } from './check-settings.ts';
import type { RoleContext, RoleDeps } from './role.ts';

/** Runs the workers of this machine until the signal says stop: as many as QWEN_EDIT_MAX_CONCURRENCY, each with an engine. */
export async function runLocalWorkers(
  { config, backends, log, metrics }: RoleContext,
  deps: Pick<RoleDeps, 'createPipeline' | 'demoModelDir'>,
  {
    graceMs,
    signal,
    model,
    onModel,
  }: {
    readonly graceMs: number;
    readonly signal: AbortSignal;
    /** What the engines will load: shown until they have. */
    readonly model: CheckedSettings['model'];
    /** Called for each engine that has loaded the model. */
    readonly onModel?: (model: NotedModel) => void;
  },
): Promise<void> {
  const threads = config.maxCpuThreads ?? Math.max(1, Math.floor(availableParallelism() / config.maxConcurrency));
  const openEngine = async ({ signal: loading, onStep }: EngineStart): Promise<LoadedEngine> => {
    const engine = await deps.createPipeline({
      modelDir: config.modelDir ?? deps.demoModelDir,
      device: 'cpu',
      precision: precisionOf(config).precision,
      signal: loading,
      onStep,
      silenceMs: config.engineSilenceMs,
      cancelGraceMs: config.cancelGraceMs,
      threads,
      ...(config.nice === undefined ? {} : { nice: config.nice }),
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
      openEngine,
      configuredModel: model,
      machine: { memory_bytes: (await availableMemory()).totalBytes, threads },
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
      },
    },
    slots,
    signal,
  );
}
