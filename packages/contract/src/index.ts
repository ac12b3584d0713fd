export * from './caller-text.ts';
export * from './contract-version.ts';
export * from './cost-parameters.ts';
export * from './devices.ts';
export * from './edit-parameters.ts';
export * from './errors.ts';
export * from './estimate.ts';
export * from './events.ts';
export * from './field-errors.ts';
export * from './health.ts';
export * from './job.ts';
export * from './keys.ts';
export * from './loras.ts';
export * from './mask-url.ts';
export * from './message.ts';
export {
  type EditKind,
  inBothLanguages,
  LANGUAGES,
  type Language,
  type ModelCard,
  modelCardSchema,
} from './model-card.ts';
export * from './model-download.ts';
export * from './model-facts.ts';
export * from './model-shape.ts';
export * from './nearest.ts';
export { isSeed, type ParameterFacts, sidesOfSize } from './parameter-kinds.ts';
export * from './parameters.ts';
export * from './parsed-json.ts';
export * from './picture-count.ts';
export * from './picture-formats.ts';
export * from './picture-size.ts';
export * from './precisions.ts';
export * from './present-job.ts';
export * from './presets.ts';
export * from './problem.ts';
export * from './readable.ts';
export * from './result-size.ts';
export * from './served-model.ts';
export * from './size-parameters.ts';
export * from './size-warnings.ts';
export * from './slow-edit.ts';
export * from './stored-text.ts';
export * from './unchanged.ts';
