export { type CalibratedLayer, type Calibration, calibrateModel } from './calibrate/calibrate-model.ts';
export type { Card, CardReport } from './cards/card.ts';
export { createCardWatch } from './cards/card-watch.ts';
export {
  type CudaProvider,
  findCudaProvider,
  INSTALL_CUDA,
  requireCudaProvider,
  requireDriver,
} from './cards/cuda-provider.ts';
export { askRocmSmi } from './cards/rocm-smi.ts';
export { saidCardId, visibleCards } from './cards/visible-cards.ts';
export { checkRequest, type UncheckedRequest } from './check-request.ts';
export { deviceNamed } from './engine/devices.ts';
export { decodeImage } from './image/decode.ts';
export { encodeImage } from './image/encode.ts';
export { inspectImage, storedSize } from './image/inspect.ts';
export { isUnchanged, likenessOf } from './image/likeness.ts';
export type { Pixels } from './image/resample.ts';
export { checkImageShape } from './image/shape.ts';
export { makeThumbnail } from './image/thumbnail.ts';
export { type ValidatedImage, validateImage } from './image/validate-image.ts';
export { type ListedPrepared, listPrepared } from './list-prepared.ts';
export { findLoras, type ResolveLora, readLoraConfig } from './lora/find-loras.ts';
export { createLoraOffer, type LoraOffer, lorasOfModel, type OfferFacts } from './lora/offer-loras.ts';
export { inspectModel } from './model-facts.ts';
export { planWithAlternatives } from './plan/alternatives.ts';
export { type AvailableMemory, availableMemory, type SystemRoots } from './plan/available-memory.ts';
export { capacityOf, estimateEdit } from './plan/estimate-edit.ts';
export { editFlops } from './plan/flops.ts';
export { KNOWN_MODELS, knownModelBytes, knownModelPresets, knownModelShape } from './plan/known-models.ts';
export { planMemory } from './plan/memory.ts';
export { modelShape } from './plan/model-shape.ts';
export { plannedEdit } from './plan/planned-edit.ts';
export { removePrepared, type StoredPrepared } from './prepared/stored-prepared.ts';
export { createPipeline, type Pipeline, type PipelineOptions } from './process/pipeline.ts';
export type { EngineStats } from './process/protocol.ts';
export { requireEngine } from './process/require-engine.ts';
export { runSelfTest, type SelfTestOptions } from './process/run-self-test.ts';
export type {
  EditHooks,
  EditOutput,
  EditRequest,
  EditResult,
  ModelFacts,
  Preparing,
  Preview,
  Receipt,
  SelfTestFigure,
  SelfTestResult,
  Snapshot,
  StepEvent,
  Timings,
} from './types.ts';
export type { VerifyProgress } from './verify/check-contents.ts';
export type { ModelFinding } from './verify/model-finding.ts';
export { type ExpectedFile, type VerifyOptions, verifyModel } from './verify/verify-model.ts';
export { type PreparedReport, verifyPrepared } from './verify/verify-prepared.ts';
