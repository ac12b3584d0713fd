export { checkRequest, type UncheckedRequest } from './check-request.ts';
export { inspectImage } from './image/inspect.ts';
export { isUnchanged, likenessOf } from './image/likeness.ts';
export { checkImageShape } from './image/shape.ts';
export { makeThumbnail } from './image/thumbnail.ts';
export { type ValidatedImage, validateImage } from './image/validate-image.ts';
export { inspectModel } from './model-facts.ts';
export { createPipeline, type Pipeline, type PipelineOptions } from './process/pipeline.ts';
export type { EngineStats } from './process/protocol.ts';
export { requireEngine } from './process/require-engine.ts';
export type {
  EditHooks,
  EditOutput,
  EditRequest,
  EditResult,
  ModelFacts,
  Preview,
  Receipt,
  Snapshot,
  StepEvent,
  Timings,
} from './types.ts';
export type { VerifyProgress } from './verify/check-contents.ts';
export type { ModelFinding } from './verify/model-finding.ts';
export { type ExpectedFile, type VerifyOptions, verifyModel } from './verify/verify-model.ts';
