export { createPipeline, type Pipeline, type PipelineOptions } from './engine/pipeline.ts';
export type { EditHooks, EditOutput, EditRequest, EditResult, Receipt, Snapshot, StepEvent, Timings } from './types.ts';
