export { bytesText } from './disk-space.ts';
export { expectedFiles, findModel } from './find-model.ts';
export { createHubFetch, type ProxySettings } from './hub-fetch.ts';
export { listModels, type StoredModel } from './list-models.ts';
export type { PullProgress } from './meter.ts';
export { checkRevision, type ModelRef, parseModelRef } from './model-ref.ts';
export { type PulledModel, type PullOptions, pullModel } from './pull-model.ts';
export { planRemoval, type Removal, removeModel } from './remove-model.ts';
export { DEFAULT_ENDPOINT, type HubSettings } from './settings.ts';
