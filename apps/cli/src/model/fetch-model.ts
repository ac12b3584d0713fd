import { AppError, downloadText, type ModelDownload, toAppError } from '@qwen-edit/contract';
import { findModel, type HubSettings, type PullProgress, pullModel } from '@qwen-edit/hub';
import { refText } from '@qwen-edit/hub/model-ref';
import { inspectModel, type ModelFacts } from '@qwen-edit/pipeline';
import type { Logger } from '@qwen-edit/telemetry';
import type { FetchedModel, ModelFetch } from '@qwen-edit/worker';
import type { ChosenHubModel } from './choose-model.ts';

export interface ModelFetcherDeps {
  readonly chosen: ChosenHubModel;
  readonly hub: HubSettings;
  readonly log: Pick<Logger, 'info'>;
  /** Aborted when the process is to stop: ends the download. */
  readonly signal: AbortSignal;
  /** Called with each news of the download; undefined: it has ended, in whatever way. */
  readonly onProgress?: ((progress: PullProgress | undefined) => void) | undefined;
  readonly now: () => number;
  /** For tests. */
  readonly find?: typeof findModel;
  readonly pull?: typeof pullModel;
  readonly inspect?: (dir: string) => Promise<ModelFacts>;
}

export interface ModelFetcher {
  /** The model, downloaded first if it isn't whole here. Of several calls at once one downloads, and all hear how far it is. */
  fetch(fetch: ModelFetch): Promise<FetchedModel>;
  /** Resolves when no download is under way any more. Never rejects. */
  settled(): Promise<void>;
}

/** Between two lines of the log about one download. */
const LOG_MS = 30_000;

/** They decide whether the pipeline can load a model. */
const CONFIGURATIONS = ['model_index.json', '*/config.json', 'scheduler/*.json'];

/** Gets the hub's model for the workers of this process. */
export function createModelFetcher(deps: ModelFetcherDeps): ModelFetcher {
  const { chosen, hub, log, signal, onProgress = () => undefined, now } = deps;
  const { find = findModel, pull = pullModel, inspect = (dir) => inspectModel(dir) } = deps;
  const listeners = new Set<(download: ModelDownload) => void>();
  let last: ModelDownload | undefined;
  let known: FetchedModel | undefined;
  let running: Promise<FetchedModel> | undefined;

  async function run(): Promise<FetchedModel> {
    const here = await find(chosen.ref, hub, chosen.localDir);
    const dir = here ?? (await download());
    if (known?.dir !== dir) known = { dir, facts: await inspect(dir) };
    return known;
  }

  async function download(): Promise<string> {
    const model = refText(chosen.ref);
    const begun = now();
    let logged = begun;
    const tell = (progress: PullProgress): void => {
      last = reported(progress);
      for (const listener of listeners) listener(last);
      onProgress(progress);
      if (now() - logged < LOG_MS) return;
      logged = now();
      log.info({ model, ...last }, `the model is being downloaded: ${downloadText(last)}`);
    };
    log.info({ model, from: hub.endpoint, to: chosen.localDir ?? hub.cacheDir }, 'the model is downloaded first');
    await checkKind(tell);
    const { dir, bytes, files } = await pull(chosen.ref, hub, {
      localDir: chosen.localDir,
      modelOnly: true,
      signal,
      onProgress: tell,
    });
    const seconds = Math.round((now() - begun) / 1000);
    log.info({ model, dir, bytes, files, seconds }, 'the model is downloaded');
    return dir;
  }

  /** Nobody should wait for 57 GB to read that it is another kind of model: its configurations are a few kilobytes. */
  async function checkKind(tell: (progress: PullProgress) => void): Promise<void> {
    const { dir } = await pull(chosen.ref, hub, {
      localDir: chosen.localDir,
      include: CONFIGURATIONS,
      modelOnly: true,
      signal,
      // A part of the model must not look like all of it.
      onProgress: (progress) =>
        progress.phase === 'listing' || progress.phase === 'waiting' ? tell(progress) : undefined,
    }).catch((thrown: unknown) => Promise.reject(withoutConfigurations(toAppError(thrown))));
    await inspect(dir).catch((thrown: unknown) => {
      // What else is wrong with it is that the rest is missing.
      if (toAppError(thrown).code === 'model_unsupported') throw thrown;
    });
  }

  return {
    async fetch({ signal: waiting, onProgress: listener }) {
      listeners.add(listener);
      if (last !== undefined) listener(last);
      running ??= run().finally(() => {
        running = undefined;
        if (last !== undefined) onProgress(undefined);
        last = undefined;
      });
      try {
        return await unlessAborted(running, waiting);
      } catch (thrown) {
        throw withRemedy(toAppError(thrown));
      } finally {
        listeners.delete(listener);
      }
    },
    settled: async () => void (await running?.catch(() => undefined)),
  };
}

/** That no file matches is no wrong command line here. */
function withoutConfigurations(error: AppError): AppError {
  if (error.code !== 'usage') return error;
  return new AppError('model_unsupported', error.message, {
    hint: 'Name a model in the layout of diffusers, as Qwen/Qwen-Image-Edit-2511.',
    cause: error,
  });
}

/** A worker's row has room for one text: what has happened, and what to do. */
function withRemedy(error: AppError): AppError {
  if (error.code === 'canceled') return error;
  return new AppError(error.code, `${error.message} ${error.hint}`, { hint: error.hint, cause: error });
}

function reported(progress: PullProgress): ModelDownload {
  const { phase, bytesDone, bytes, filesDone, files, bytesPerSecond, etaSeconds } = progress;
  return {
    phase,
    bytes_done: bytesDone,
    bytes,
    files_done: filesDone,
    files,
    bytes_per_second: bytesPerSecond,
    eta_seconds: etaSeconds === null ? null : Math.round(etaSeconds),
  };
}

/** Rejects with `canceled` when the signal aborts first; the work itself goes on. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new AppError('canceled', 'The wait for the model was given up.'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
