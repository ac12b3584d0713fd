export {
  type ConfiguredModel,
  type EngineStart,
  type FetchedModel,
  type LoadedEngine,
  type ModelFetch,
  type Slot,
  WORKER_DEFAULTS,
  type WorkerDeps,
  type WorkerOptions,
} from './deps.ts';
export type { SlotDeps } from './run-worker.ts';
export { runWorkers } from './run-workers.ts';
