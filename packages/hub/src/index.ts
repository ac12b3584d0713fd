export { expectedFiles, findModel } from './find-model.ts';
export { createHubFetch, type ProxySettings } from './hub-fetch.ts';
export type { PullProgress } from './meter.ts';
export { type ModelRef, parseModelRef } from './model-ref.ts';
export { type PulledModel, type PullOptions, pullModel } from './pull-model.ts';
export { DEFAULT_ENDPOINT, type HubSettings } from './settings.ts';
