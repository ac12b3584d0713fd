import { editParametersSchema, fieldError, jobOptionsSchema, LIMITS } from '@qwen-edit/contract';
import { z } from 'zod';
import { isFieldName, unknownName } from './field-names.ts';
import { addField, addFlatFields, membersOf, oneOfTwo } from './form-values.ts';
import { type ImageSource, imageSourceSchema, parseImage } from './image-source.ts';
import { parseJson } from './read-json.ts';
import type { FormPart } from './read-multipart.ts';
import { submissionBody } from './request-body.ts';
import type { RawSubmission } from './submission.ts';

const IMAGE_NAMES = /^images?(\[\])?$/;

/** Other names of fields. */
const aliasFields = { steps: editParametersSchema.shape.num_inference_steps };
/** The fields of a submission whose parameters may also be given elsewhere. */
export const optionalFields = { ...editParametersSchema.partial().shape, ...aliasFields, ...jobOptionsSchema.shape };
const imagesSchema = z.array(imageSourceSchema).min(1).max(LIMITS.images);
/** A file in a form. */
export const fileSchema = z.string().meta({ format: 'binary' });

/** The body of POST /v1/jobs. `image` is another name of `images`, of which JSON has one of the two. A form may give its fields one by one, or together as JSON in `params`. */
export const jobBody = submissionBody({
  json: z.strictObject({
    images: imagesSchema.optional(),
    image: z.union([imageSourceSchema, imagesSchema]).optional(),
    ...editParametersSchema.shape,
    ...aliasFields,
    ...jobOptionsSchema.shape,
  }),
  form: z.object({
    image: z.array(fileSchema).min(1).max(LIMITS.images),
    params: z.string().optional(),
    ...optionalFields,
  }),
});

/** Reads a JSON body of POST /v1/jobs. Throws AppError `invalid_parameter`. */
export function fromJson(value: unknown): RawSubmission {
  const fields = new Map(membersOf(value, 'The body'));
  const name = fields.has('images') ? 'images' : 'image';
  const given = oneOfTwo(imageAsList(fields), 'image', 'images');
  fields.delete('image');
  fields.delete('images');
  if (given === undefined)
    throw fieldError('images', { code: 'required', rule: 'is missing: it is a list of pictures' });
  if (!Array.isArray(given))
    throw fieldError('images', {
      code: 'wrong_type',
      rule: 'must be a list of pictures',
      parameters: { expected: 'list' },
    });
  return { fields, images: parseImages(given, name) };
}

/** The fields with `image`, which may be one picture, as a list like `images`, unless `images` says it in the same way. */
export function imageAsList(fields: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
  const image = fields.get('image');
  const images = fields.get('images');
  const alike = Array.isArray(image) || (images !== undefined && !Array.isArray(images));
  return image === undefined || alike ? fields : new Map([...fields, ['image', [image]]]);
}

/** Pictures as JSON names them. Throws AppError `invalid_parameter` that names `path`. */
export function parseImages(images: readonly unknown[], path: string): readonly ImageSource[] {
  return images.map((image, index) => parseImage(image, `${path}.${index}`));
}

/**
 * Reads a form of POST /v1/jobs: pictures as files or texts, `params` and `metadata` as JSON, and flat fields.
 * Throws AppError `invalid_parameter` or `request_malformed`.
 */
export function fromForm(parts: readonly FormPart[], imageNames: RegExp = IMAGE_NAMES): RawSubmission {
  const fields = new Map<string, unknown>();
  const images: ImageSource[] = [];
  const flat: [string, string][] = [];
  for (const part of parts) {
    if (imageNames.test(part.name)) images.push(imageOf(part, `image.${images.length}`));
    else if (part.name === 'params') addParams(fields, textOf(part));
    else if (part.name === 'metadata') addField(fields, 'metadata', parseJson(textOf(part), 'metadata'));
    else if (part.kind === 'file' && !isFieldName(part.name)) throw unknownName(part.name, { isFile: true });
    else flat.push([part.name, textOf(part)]);
  }
  addFlatFields(fields, flat);
  return { fields, images };
}

function addParams(fields: Map<string, unknown>, text: string): void {
  for (const [name, value] of membersOf(parseJson(text, 'params'), 'params')) addField(fields, name, value);
}

function imageOf(part: FormPart, path: string): ImageSource {
  return part.kind === 'file' ? { kind: 'bytes', bytes: part.bytes } : parseImage(part.text, path);
}

/** The text of a part. A field may come as a file, as curl sends it for `-F params=@file`. */
function textOf(part: FormPart): string {
  if (part.kind === 'text') return part.text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(part.bytes);
  } catch (cause) {
    throw fieldError(
      part.name.slice(0, 100),
      { code: 'wrong_type', rule: 'is a file, and no text', parameters: { expected: 'text' } },
      { cause },
    );
  }
}
