export { checkRequest, type UncheckedRequest } from './check-request.ts';
export { createPipeline, type Pipeline, type PipelineOptions } from './engine/pipeline.ts';
export type { EngineStats } from './engine/protocol.ts';
export { type ProvedImage, proveImage } from './image/prove.ts';
export { checkImageShape, type ShapeRules } from './image/shape.ts';
export { makeThumbnail } from './image/thumbnail.ts';
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
