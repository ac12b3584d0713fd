export {
  type ConfiguredModel,
  type EngineStart,
  type FetchedModel,
  type LoadedEngine,
  type ModelFetch,
  type Slot,
  type SlotDeps,
  WORKER_DEFAULTS,
  type WorkerDeps,
  type WorkerOptions,
} from './deps.ts';
export { runWorkers } from './run-workers.ts';
