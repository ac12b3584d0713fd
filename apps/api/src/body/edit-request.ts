import { AppError, editParametersSchema, LIMITS } from '@qwen-edit/contract';
import { z } from 'zod';
import { addField, addFlatFields, membersOf } from './form-values.ts';
import { type ImageSource, imageSourceSchema, parseImage, parseUrl } from './image-source.ts';
import { fileSchema, fromForm, optionalFields, parseImages } from './job-request.ts';
import type { FormPart } from './read-multipart.ts';
import { submissionBody } from './request-body.ts';
import type { RawSubmission } from './submission.ts';

const textOrList = z.union([z.string(), z.array(z.string())]).optional();
/** A query may give the parameters instead of the body, so that none of them has to be here. */
const fields = {
  ...optionalFields,
  steps: editParametersSchema.shape.num_inference_steps,
  output_path: z.union([z.string(), z.boolean()]).optional(),
};

/** The body of POST /edit. A form may also name its files `file`, `files` or `images`. */
export const editBody = submissionBody({
  json: z.strictObject({
    image_base64: textOrList,
    image_url: textOrList,
    images: z
      .union([z.string(), z.array(imageSourceSchema), z.object({ image_base64: textOrList, image_url: textOrList })])
      .optional(),
    ...fields,
  }),
  form: z.object({ image: z.array(fileSchema).max(LIMITS.images).optional(), ...fields }),
});

/** A request of POST /edit: a submission, and how it wants its answer. */
export interface GuideEditRequest extends RawSubmission {
  /** Wants the results in the configured folder: under this name, or one made of the job's id. */
  readonly outputPath: string | true | undefined;
}

const IMAGE_NAMES = /^(file|files|image|images|image_base64|image_url)(\[\])?$/;
const STEPS = 'num_inference_steps';

/**
 * A JSON body of POST /edit: pictures in `image_base64`, `image_url`, or in `images` as a list or as an object of the
 * two. Throws AppError `invalid_parameter`.
 */
export function editFromJson(value: unknown, query: Iterable<readonly [string, string]>): GuideEditRequest {
  const { image_base64, image_url, images, ...rest } = Object.fromEntries(membersOf(value, 'The body'));
  const sources = [
    ...base64Images(image_base64, 'image_base64'),
    ...urlImages(image_url, 'image_url'),
    ...imagesOf(images),
  ];
  return finish(new Map(Object.entries(rest)), sources, query);
}

/** A form of POST /edit, as FastAPI takes it: files, and flat fields. */
export function editFromForm(parts: readonly FormPart[], query: Iterable<readonly [string, string]>): GuideEditRequest {
  const { fields, images } = fromForm(parts, IMAGE_NAMES);
  return finish(new Map(fields), images, query);
}

function imagesOf(images: unknown): readonly ImageSource[] {
  if (images === undefined) return [];
  if (typeof images === 'string') return [parseImage(images, 'images')];
  if (Array.isArray(images)) return parseImages(images, 'images');
  const { image_base64, image_url, ...unknown } = Object.fromEntries(membersOf(images, 'images'));
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw new AppError('invalid_parameter', `images.${name.slice(0, 100)} is not a known field.`);
  return [...base64Images(image_base64, 'images.image_base64'), ...urlImages(image_url, 'images.image_url')];
}

function base64Images(value: unknown, path: string): readonly ImageSource[] {
  return textsOf(value, path).map((text, index) => parseImage(text, `${path}.${index}`));
}

function urlImages(value: unknown, path: string): readonly ImageSource[] {
  return textsOf(value, path).map((text, index) => parseUrl(text, `${path}.${index}`));
}

function textsOf(value: unknown, path: string): readonly string[] {
  const list: readonly unknown[] = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  return list.map((each, index) => {
    if (typeof each === 'string') return each;
    throw new AppError('invalid_parameter', `${path}.${index} must be a text.`);
  });
}

function finish(
  fields: Map<string, unknown>,
  images: readonly ImageSource[],
  query: Iterable<readonly [string, string]>,
): GuideEditRequest {
  addFlatFields(fields, query);
  if (fields.has('steps')) {
    const steps = fields.get('steps');
    fields.delete('steps');
    addField(fields, STEPS, steps);
  }
  const outputPath = fields.get('output_path');
  fields.delete('output_path');
  return { fields, images, outputPath: outputPathOf(outputPath) };
}

function outputPathOf(value: unknown): string | true | undefined {
  if (value === undefined || value === null || value === false || value === 'false') return undefined;
  if (value === true || value === 'true') return true;
  if (typeof value === 'string') return value;
  throw new AppError('invalid_parameter', 'output_path must be true or the name of a file.');
}
