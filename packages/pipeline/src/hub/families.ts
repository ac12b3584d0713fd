import { DIFFUSERS_AREAS, LIMITS } from '@qwen-edit/contract';
import { z } from 'zod';

/**
 * What differs between the pipelines that run on this architecture, apart from what their configurations say. The class of
 * model_index.json decides; nothing else asks for it. Both take the size of the result from the last picture, which is the
 * only one where there is one.
 */
export interface Family {
  /** `_class_name` of model_index.json; receipts say it too. */
  readonly pipeline: string;
  /** Pictures that an edit may have. */
  readonly max_images: number;
  /** What stands in the prompt's template for the picture with this number, around its tokens. */
  readonly pictureLabel: (number: number) => string;
  /** Pixels of a picture for the text encoder, if it has `vaeArea` pixels for the VAE and edit_config.json does not say. */
  readonly conditionArea: (vaeArea: number) => number;
  /** What of the family goes into a model's digest: nothing for the first that was known, whose digests stay as they were. */
  readonly digested: readonly string[];
}

/** Qwen-Image-Edit-2509 and 2511, FireRed-Image-Edit. Source: QwenImageEditPlusPipeline of diffusers 0.42. */
export const PLUS_FAMILY: Family = {
  pipeline: 'QwenImageEditPlusPipeline',
  max_images: LIMITS.images,
  pictureLabel: (number) => `Picture ${number}: `,
  conditionArea: () => DIFFUSERS_AREAS.condition_image_size,
  digested: [],
};

/**
 * The first Qwen-Image-Edit: one picture, which the text encoder sees as large as the VAE does.
 * Source: QwenImageEditPipeline of diffusers 0.42.
 */
const FIRST_FAMILY: Family = {
  pipeline: 'QwenImageEditPipeline',
  max_images: 1,
  pictureLabel: () => '',
  conditionArea: (vaeArea) => vaeArea,
  digested: ['QwenImageEditPipeline'],
};

const FAMILIES = [PLUS_FAMILY, FIRST_FAMILY];
/** The classes that run here. */
export const PIPELINES: readonly string[] = FAMILIES.map(({ pipeline }) => pipeline);

/** model_index.json -> the family of its class. */
export const familySchema = z
  .looseObject({ _class_name: z.enum(PIPELINES, `must be ${PIPELINES.join(' or ')}`) })
  .transform(({ _class_name }) => FAMILIES.find(({ pipeline }) => pipeline === _class_name) ?? PLUS_FAMILY);
