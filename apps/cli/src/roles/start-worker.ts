import { join } from 'node:path';
import { AppError, devicesKey, isCudaCard, toAppError } from '@qwen-edit/contract';
import type { PullProgress } from '@qwen-edit/hub';
import { availableMemory, type PipelineOptions } from '@qwen-edit/pipeline';
import { type EngineStart, type LoadedEngine, runWorkers, WORKER_DEFAULTS } from '@qwen-edit/worker';
import type { NotedModel } from '../demo-note.ts';
import { engineBudget } from '../devices/card-memory.ts';
import { measureCards } from '../devices/card-metrics.ts';
import type { ChosenEngines } from '../devices/choose-engines.ts';
import { engineSlots } from '../devices/engine-slots.ts';
import { createCardLook } from '../devices/machine-cards.ts';
import type { EngineDevices } from '../devices/parse-engines.ts';
import { requireCards } from '../devices/require-cards.ts';
import { WORKER_NICE } from '../engine-share.ts';
import { weightCacheDir } from '../model/cache-folders.ts';
import { createModelFetcher, type ModelFetcher } from '../model/fetch-model.ts';
import { createLoras, createOffers } from '../model/loras.ts';
import { preparingNote } from '../preparing-note.ts';
import type { Config } from '../settings.ts';
import type { CheckedModel, CheckedSettings } from './check-settings.ts';
import type { RoleContext, RoleDeps } from './role.ts';

const HOUR_MS = 3_600_000;

export interface LocalWorkers {
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** What the engines load, and what is shown until they have. */
  readonly model: CheckedSettings['model'];
  /** Each has a worker. */
  readonly engines: ChosenEngines;
  /** Called for each engine that has loaded the model. */
  readonly onModel?: (model: NotedModel) => void;
  /** Called with each news of a download of the model, and with undefined at its end. */
  readonly onDownload?: ((progress: PullProgress | undefined) => void) | undefined;
}

/**
 * Runs the workers of this machine until the signal says stop: one for each engine, which is started again alone if it ends. A model of
 * the hub that isn't whole here is downloaded first, once for all of them; what keeps it from coming ends nobody, nor does a card that is busy.
 */
export async function runLocalWorkers(
  { config, backends, log, metrics }: RoleContext,
  deps: Pick<RoleDeps, 'createPipeline' | 'demoModelDir' | 'now'>,
  { graceMs, signal, model, engines, onModel, onDownload }: LocalWorkers,
): Promise<void> {
  if (model === undefined) throw new AppError('internal', 'A role with workers has checked no model.');
  const fetcher = fetcherOf(model);
  const loras = createLoras(config, model.hub);
  const offers = createOffers(loras);
  const look = createCardLook(config);
  const usesCards = engines.engines.flat().some(isCudaCard);
  const known = usesCards ? await look() : { visible: [] };
  const slots = engineSlots(engines, config, known, await availableMemory());
  const slotOf = new Map(slots.map((each) => [each.slot, each]));
  const cardMemory = async (places: EngineDevices): Promise<number | undefined> => {
    if (!places.some(isCudaCard)) return undefined;
    const now = await look();
    requireCards(places, now, config);
    return engineBudget(places, now, config);
  };
  // Until an engine is opened, a model that is to be downloaded has no folder.
  let loadedDir = model.chosen.kind === 'folder' ? model.chosen.dir : undefined;
  const openEngine = async ({ slot, signal: loading, modelDir, onStep }: EngineStart): Promise<LoadedEngine> => {
    const share = slotOf.get(slot);
    if (share === undefined)
      throw new AppError('internal', 'An engine is opened for a worker that nobody has planned.');
    const { places, precision, threads, memoryBytes } = share;
    const deviceMemoryBytes = await cardMemory(places).catch((thrown: unknown) => {
      throw withRemedy(toAppError(thrown));
    });
    const dir = modelDir ?? folderOf(model);
    loadedDir = dir;
    const engine = await deps.createPipeline({
      modelDir: dir,
      resolveLora: loras.resolverFor(dir),
      loras: loras.fixed,
      device: devicesKey(places),
      precision,
      deviceMemoryBytes,
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
      onPreparing: (what) => log.info(preparingNote(what)),
      onTrouble({ code, message, hint }) {
        metrics.engineTroubles.inc({ code, device: slot.device });
        log.warn({ code, hint }, message);
      },
      ...(config.engineProgram === undefined ? {} : { program: config.engineProgram }),
    });
    onModel?.(engine.model);
    return engine;
  };
  const measuring = measureCards(metrics, engines.engines, look, signal);
  await runWorkers(
    {
      database: backends.database,
      store: backends.store,
      queue: backends.queue,
      fetchModel: fetcher?.fetch,
      openEngine,
      configuredModel: model.facts,
      offerNow: (facts) => offers(facts, loadedDir),
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
    slots.map(({ slot }) => slot),
    signal,
  );
  await measuring;
  await fetcher?.settled();

  function fetcherOf({ chosen, hub }: CheckedModel): ModelFetcher | undefined {
    if (chosen.kind === 'folder') return undefined;
    return createModelFetcher({ chosen, hub, log, signal, onProgress: onDownload, now: deps.now });
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

/** A worker's row has room for one text: what is so, and what to do. */
function withRemedy(error: AppError): AppError {
  return new AppError(error.code, `${error.message} ${error.hint}`, { hint: error.hint, cause: error });
}

/** A model of the hub has its folder from the fetcher. */
function folderOf({ chosen }: CheckedModel): string {
  if (chosen.kind === 'folder') return chosen.dir;
  throw new AppError('model_not_found', 'The model has not been downloaded.');
}
