import type { ModelDownload } from '@qwen-edit/contract';
import type { Database } from '@qwen-edit/db';
import type { ModelFacts, Pipeline, StepEvent } from '@qwen-edit/pipeline';
import type { JobQueue } from '@qwen-edit/queue';
import type { ObjectStore } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';

/** A loaded model in a process of its own. `enginePid` is undefined once that process has ended. */
export type LoadedEngine = Pick<Pipeline, 'edit' | 'model' | 'enginePid' | 'close'> &
  // An engine without networks has no golden edit to make.
  Partial<Pick<Pipeline, 'selfTest' | 'lastSelfTest'>>;

/** What one worker has for itself. */
export interface Slot {
  /** `cpu`, `cuda:0`, … as CUDA counts; `cuda:0+cuda:1` of an engine that is spread over several. */
  readonly device: string;
  /** The card as its driver counts, of several the first; null on a processor, and if nobody knows. */
  readonly gpuId: number | null;
  /** What its engine has and how it computes, which is reported with its model. */
  readonly facts?: Pick<Partial<ModelFacts>, 'device' | 'precision' | 'machine'> | undefined;
  /** What its row says as long as nothing is wrong, as that it computes on the processor in place of a card. */
  readonly note?: string | undefined;
}

export interface EngineStart {
  readonly slot: Slot;
  /** Ends the loading; `openEngine` then rejects. */
  readonly signal: AbortSignal;
  /** Where `fetchModel` has found the model; undefined without it. */
  readonly modelDir: string | undefined;
  readonly onStep: (event: StepEvent) => void;
}

/** A model that lies whole on this machine. */
export interface FetchedModel {
  readonly dir: string;
  readonly facts: ModelFacts;
}

export interface ModelFetch {
  /** Ends the download; `fetchModel` then rejects. */
  readonly signal: AbortSignal;
  readonly onProgress: (download: ModelDownload) => void;
}

/** Durations in milliseconds, and counts. */
export interface WorkerOptions {
  /** How long a job stays this worker's without a heartbeat. */
  readonly leaseMs: number;
  /** Time between heartbeats: a third of the lease, so that two may fail. */
  readonly heartbeatMs: number;
  /** How often the database is asked whether the running job is to be cancelled. */
  readonly cancelPollMs: number;
  /** How long a running job may go on after the worker was told to stop. */
  readonly graceMs: number;
  /** How long the worker tries to give a job back after that. */
  readonly releaseMs: number;
  /**
   * Delay of a job's first retry; each further one waits twice as long, up to `retryMaxMs`. So long, too, a worker takes no job
   * after it has failed by its own fault.
   */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Delay after the first failure of the queue, the database or the loading of the model, and the longest one. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** A statement that has no answer by then is tried on another connection. */
  readonly answerMs: number;
  /** A check of storage and database counts for so long. */
  readonly checkFreshMs: number;
  /** A probe edit that is not done by then has failed. */
  readonly probeMs: number;
  /** Time after which a loaded engine makes its golden edit again, between two jobs; 0: only when it is loaded. */
  readonly selfTestMs: number;
  /** How long a finished edit waits for a storage or a database that is away. */
  readonly resultWaitMs: number;
  /** A job that is left to another worker is looked at again after so long. */
  readonly refusedMs: number;
  /** Shortest time between two writes about progress. */
  readonly progressMs: number;
  /** Steps between two previews; 0 for none. */
  readonly previewEvery: number;
  /** How often the worker's row is written. */
  readonly workerReportMs: number;
  /** How long one call to the queue waits for a job. */
  readonly receiveWaitMs: number;
  /** False: no engine is started before there is a job for it. */
  readonly eagerLoad: boolean;
  /** How often a worker without an engine looks for a job, and how long nobody else has taken that job by then. */
  readonly wakeMs: number;
  /** Jobs that need a later contract version are left to newer workers. Default: this version. */
  readonly contractVersion?: number | undefined;
}

const LEASE_MS = 60_000;

export const WORKER_DEFAULTS: WorkerOptions = {
  leaseMs: LEASE_MS,
  heartbeatMs: LEASE_MS / 3,
  cancelPollMs: 500,
  graceMs: 15_000,
  releaseMs: 5_000,
  retryFirstMs: 1_000,
  retryMaxMs: 60_000,
  backoffFirstMs: 100,
  backoffMaxMs: 10_000,
  answerMs: 10_000,
  checkFreshMs: 10_000,
  probeMs: 30 * 60_000,
  selfTestMs: 24 * 3_600_000,
  resultWaitMs: 10 * 60_000,
  refusedMs: 1_000,
  progressMs: 250,
  previewEvery: 2,
  workerReportMs: 5_000,
  receiveWaitMs: 20_000,
  eagerLoad: true,
  wakeMs: 500,
};

/** What is known of a model before it is loaded; of one that is still to be downloaded its name. */
export type ConfiguredModel = Pick<ModelFacts, 'name'> & Partial<ModelFacts>;

export interface WorkerDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /**
   * Downloads the model where it isn't whole on this machine. Called before each start of an engine, so that it should be quick
   * where nothing is to be done. Rejects with the AppError that says what is in the way: it is tried again, seldom if the error
   * is one that only a person can change.
   */
  readonly fetchModel?: ((fetch: ModelFetch) => Promise<FetchedModel>) | undefined;
  /** Starts an engine and loads its model. Rejects with the AppError that says why it cannot. */
  readonly openEngine: (start: EngineStart) => Promise<LoadedEngine>;
  /** What the model's folder says, which is reported until an engine has loaded it. */
  readonly configuredModel?: ConfiguredModel | undefined;
  /** Looks which presets and LoRAs the model offers now. Called after each report of the worker; a change is reported at once. */
  readonly offerNow?: ((model: ConfiguredModel) => Promise<Pick<ConfiguredModel, 'presets' | 'loras'>>) | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly options: WorkerOptions;
  /** From 0 to 1, for the jitter of delays. */
  readonly random?: (() => number) | undefined;
}

/** What one worker of several works with. */
export interface SlotDeps extends WorkerDeps {
  readonly slot: Slot;
}
