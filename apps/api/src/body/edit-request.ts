import { fieldError, LIMITS, unknownField } from '@qwen-edit/contract';
import { z } from 'zod';
import { addFlatFields, membersOf, oneOfTwo } from './form-values.ts';
import { type ImageSource, imageSourceSchema, parseImage, parseUrl } from './image-source.ts';
import { fileSchema, fromForm, imageAsList, optionalFields, parseImages } from './job-request.ts';
import type { FormPart } from './read-multipart.ts';
import { submissionBody } from './request-body.ts';
import type { RawSubmission } from './submission.ts';

const textOrList = z.union([z.string(), z.array(z.string())]).optional();
/** A query may give the parameters instead of the body, so that none of them has to be here. */
const fields = {
  ...optionalFields,
  output_path: z.union([z.string(), z.boolean()]).optional(),
};

/** The body of POST /edit. A form may also name its files `file`, `files` or `images`. */
export const editBody = submissionBody({
  json: z.strictObject({
    image_base64: textOrList,
    image_url: textOrList,
    image: z.union([imageSourceSchema, z.array(imageSourceSchema)]).optional(),
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
/** Names of a picture that is an object, as in POST /v1/jobs. */
const SOURCE_NAMES: ReadonlySet<string> = new Set(['url', 'data', 'upload_id']);

/**
 * A JSON body of POST /edit: pictures in `image_base64`, `image_url`, or in `images` as a list or as an object of the
 * two. Throws AppError `invalid_parameter`.
 */
export function editFromJson(value: unknown, query: Iterable<readonly [string, string]>): GuideEditRequest {
  const fields = new Map(membersOf(value, 'The body'));
  const name = fields.has('images') ? 'images' : 'image';
  const sources = [
    ...base64Images(fields.get('image_base64'), 'image_base64'),
    ...urlImages(fields.get('image_url'), 'image_url'),
    ...imagesOf(oneOfTwo(imageAsList(fields), 'image', 'images'), name),
  ];
  for (const each of ['image', 'images', 'image_base64', 'image_url']) fields.delete(each);
  return finish(fields, sources, query);
}

/** A form of POST /edit, as FastAPI takes it: files, and flat fields. */
export function editFromForm(parts: readonly FormPart[], query: Iterable<readonly [string, string]>): GuideEditRequest {
  const { fields, images } = fromForm(parts, IMAGE_NAMES);
  return finish(new Map(fields), images, query);
}

function imagesOf(images: unknown, path: string): readonly ImageSource[] {
  if (images === undefined) return [];
  if (typeof images === 'string') return [parseImage(images, path)];
  if (Array.isArray(images)) return parseImages(images, path);
  const members = membersOf(images, path);
  if (members.some(([name]) => SOURCE_NAMES.has(name))) return [parseImage(images, path)];
  const { image_base64, image_url, ...unknown } = Object.fromEntries(members);
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw unknownField(`${path}.${name}`, [`${path}.image_base64`, `${path}.image_url`]);
  return [...base64Images(image_base64, `${path}.image_base64`), ...urlImages(image_url, `${path}.image_url`)];
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
    throw fieldError(`${path}.${index}`, {
      code: 'wrong_type',
      rule: 'must be a text',
      parameters: { expected: 'text' },
    });
  });
}

function finish(
  fields: Map<string, unknown>,
  images: readonly ImageSource[],
  query: Iterable<readonly [string, string]>,
): GuideEditRequest {
  addFlatFields(fields, query);
  const outputPath = fields.get('output_path');
  fields.delete('output_path');
  return { fields, images, outputPath: outputPathOf(outputPath) };
}

function outputPathOf(value: unknown): string | true | undefined {
  if (value === undefined || value === null || value === false || value === 'false') return undefined;
  if (value === true || value === 'true') return true;
  if (typeof value === 'string') return value;
  throw fieldError('output_path', { code: 'wrong_type', rule: 'must be true or the name of a file' });
}
